"""The ROS names of the detector: its node, its topics. Each is remappable in the usual way.

A leading `~/` stands for the node's own name, for example `/cosme_detector/output/overlay`.
"""

DETECTOR_NODE = "cosme_detector"

INPUT_IMAGE = "~/input/image"  # sensor_msgs/Image, or CompressedImage
INPUT_CAMERA_INFO = "~/input/camera_info"  # sensor_msgs/CameraInfo
OUTPUT_SCORE = "~/output/anomaly_score"  # sensor_msgs/Image, 32FC1, 1.0 is the alarm line
OUTPUT_MASK = "~/output/obstacle_mask"  # sensor_msgs/Image, mono8, 0 or 255
OUTPUT_OVERLAY = "~/output/overlay"  # sensor_msgs/Image, bgr8
OUTPUT_MARKERS = "~/output/markers"  # visualization_msgs/MarkerArray
OUTPUT_DETECTIONS = "~/output/detections"  # vision_msgs/Detection2DArray, where it is installed
DIAGNOSTICS = "/diagnostics"  # diagnostic_msgs/DiagnosticArray


def resolve(name: str, *, namespace: str = "", node: str = DETECTOR_NODE) -> str:
    """The absolute topic that `name` stands for in a node that remaps nothing.

    `namespace` is empty or absolute ("/front"), as in ROS. An absolute `name` stays as it is.
    """
    if name.startswith("/"):
        return name
    prefix = namespace.rstrip("/")
    if name.startswith("~/"):
        return f"{prefix}/{node}/{name[2:]}"
    return f"{prefix}/{name}"
