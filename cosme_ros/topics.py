# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The ROS names of the detector: its node, its topics. Each is remappable in the usual way.

A leading `~/` stands for the node's own name, for example `/cosme_detector/output/overlay`. Where
the node serves several cameras that have names, each has the input and output topics under its own:
`/cosme_detector/front/output/overlay`.
"""

import re
from collections.abc import Sequence

DETECTOR_NODE = "cosme_detector"

INPUT_IMAGE = "~/input/image"  # sensor_msgs/Image, or CompressedImage
INPUT_CAMERA_INFO = "~/input/camera_info"  # sensor_msgs/CameraInfo
INPUT_NORMAL_MASK = "~/input/normal_mask"  # sensor_msgs/Image, mono8, not 0 where it is normal
INPUT_ODOMETRY = "~/input/odometry"  # nav_msgs/Odometry, with the parameter driven_over
OUTPUT_SCORE = "~/output/anomaly_score"  # sensor_msgs/Image, 32FC1, 1.0 is the alarm line
OUTPUT_MASK = "~/output/obstacle_mask"  # sensor_msgs/Image, mono8, 0 or 255
OUTPUT_OVERLAY = "~/output/overlay"  # sensor_msgs/Image, bgr8
OUTPUT_MARKERS = "~/output/markers"  # visualization_msgs/MarkerArray
OUTPUT_DETECTIONS = "~/output/detections"  # vision_msgs/Detection2DArray, where it is installed
EXPLAIN = "~/explain"  # std_srvs/Trigger: JSON on why the newest frame's obstacles are some
OUTPUT_DETECTIONS_3D = "~/output/detections_3d"  # vision_msgs/Detection3DArray, likewise
OUTPUT_POINTS = "~/output/obstacle_points"  # sensor_msgs/PointCloud2, in the vehicle's frame
MARK_NORMAL = "~/mark_normal"  # service, std_srvs/Trigger, as the three below
UNDO_MARK = "~/undo_mark"
SAVE_MEMORY = "~/save_memory"
FORGET_MARKS = "~/forget_marks"
DIAGNOSTICS = "/diagnostics"  # diagnostic_msgs/DiagnosticArray

# Keys of the detector's status on DIAGNOSTICS whose values other processes read.
FRAMES_RECEIVED = "frames received"
FRAMES_PROCESSED = "frames processed"
FRAMES_DROPPED = "frames dropped (a newer one came)"
FRAMES_FAILED = "frames failed"
FRAMES_LATE = "frames late (older than the deadline)"
FRAMES_WAITING = "frames waiting"
FRAMES_UNDER_WAY = "frames under way"
NOT_LOOKED_AT = "not looked at (share of image)"
"""What of the camera's image is under the static mask: there, nothing is known to be clear."""
ALARM_RULE = "frames that an alarm needs"
"""Only there where it is more than one."""
UNCONFIRMED_OBSTACLES = "obstacles not confirmed (newest frame)"
UNCONFIRMED_FRAMES = "frames with obstacles not confirmed"
"""Both count obstacles that are not published, because an alarm needs more frames."""
HEALTH = "health"
"""no_reference, in_domain, degraded or out_of_domain: `health.state.HealthState`."""
HEALTH_CAUSE = "health cause"
"""A sentence; empty while in_domain."""
POSITIONS = "obstacle positions"
"""Whether obstacles get a place on the road; only there where it was asked for."""
MARKS = "marks"
"""How many places were taught to be normal."""
REFUSAL = "refusal"
"""Why the last transition failed; only there after one that did."""
AGE_AT_START = "age at start from arrival"
LATENCY = "latency from arrival"
"""Of both there are percentiles, see `percentile_key`."""

# Of a camera and of the bags of its drives, unless others are given.
CAMERA_IMAGE = "/camera/image_raw/compressed"  # sensor_msgs/CompressedImage, or Image
CAMERA_LABELS = "/camera/labels"  # sensor_msgs/Image, mono8: 0 normal, 1 anomaly, 255 ignored
CAMERA_INFO = "/camera/camera_info"  # sensor_msgs/CameraInfo
CAMERA_SCENE = "/camera/scene"  # std_msgs/String: the title of the scene that begins

ONLY_CAMERA = ""
"""The name of a node's one camera, which needs none."""
CAMERA_PLACEHOLDER = "{camera}"
# A token of a ROS name.
_CAMERA = re.compile(r"(?!.*__)[A-Za-z_][A-Za-z0-9_]*")
_TOPIC = re.compile(r"(~?/)?[A-Za-z_][A-Za-z0-9_]*(/[A-Za-z_][A-Za-z0-9_]*)*")
COMPRESSED_SUFFIX = "/compressed"
"""What image_transport adds to a camera's topic for its JPEG or PNG images."""


def cameras(text: str) -> tuple[str, ...]:
    """Return the names in a list such as "front,rear"; ONLY_CAMERA alone for an empty text.

    Raises:
        ValueError: a name cannot be part of a topic's name, or is given twice.
    """
    if not text.strip():
        return (ONLY_CAMERA,)
    found = tuple(name.strip() for name in text.split(","))
    for name in found:
        if not _CAMERA.fullmatch(name):
            raise ValueError(
                f"cameras '{text}': '{name}' cannot be part of a topic's name; a letter, then "
                "letters, digits and single underscores are right, as in 'front,rear_left'"
            )
        if found.count(name) > 1:
            raise ValueError(f"cameras '{text}': '{name}' is there twice; each needs its own name")
    return found


def of_camera(topic: str, camera: str) -> str:
    """Return the name of an input or output above for one camera."""
    return topic if camera == ONLY_CAMERA else f"~/{camera}/{topic.removeprefix('~/')}"


def of_each_camera(pattern: str, cameras: Sequence[str]) -> dict[str, str]:
    """Return a topic outside of the node for each camera: `pattern` with its name for "{camera}".

    Raises:
        ValueError: cameras would share a topic.
    """
    topics = {camera: pattern.replace(CAMERA_PLACEHOLDER, camera) for camera in cameras}
    if len(set(topics.values())) < len(topics):
        raise ValueError(
            f"topic '{pattern}' would be that of {', '.join(cameras)}; one with "
            f"{CAMERA_PLACEHOLDER} in place of the name is right, as in "
            f"/{CAMERA_PLACEHOLDER}/image_raw"
        )
    return topics


def resolve(name: str, *, namespace: str = "", node: str = DETECTOR_NODE) -> str:
    """Return the absolute topic that `name` stands for in a node that remaps nothing.

    `namespace` is empty or absolute ("/front"), as in ROS. An absolute `name` stays as it is.
    """
    if name.startswith("/"):
        return name
    prefix = namespace.rstrip("/")
    if name.startswith("~/"):
        return f"{prefix}/{node}/{name[2:]}"
    return f"{prefix}/{name}"


def check_topic(text: str) -> str:
    """Return `text`. Raises ValueError, with a sentence that follows a name, for no topic's name.

    >>> check_topic("/front/image_raw")
    '/front/image_raw'
    """
    if not _TOPIC.fullmatch(text):
        raise ValueError(
            f"is '{text}', but must be a topic's name: parts of letters, digits and underscores, "
            "none beginning with a digit, with / between, as in /camera/image_raw"
        )
    return text


def percentile_key(name: str, percentile: str) -> str:
    """Return the key of a percentile ("p50", "p95" or "p99") of AGE_AT_START, LATENCY, ...

    >>> percentile_key(LATENCY, "p95")
    'latency from arrival p95 (ms)'
    """
    return f"{name} {percentile} (ms)"


def health_key(measure: str) -> str:
    """Return the key of a frame's value of a measure of `health.measures`.

    >>> health_key("sharpness")
    'health: sharpness'
    """
    return f"health: {measure}"


def health_excess_key(measure: str) -> str:
    """Return the key of how far a measure is beyond calibration, 0 where it is within.

    >>> health_excess_key("sharpness")
    'health: sharpness, beyond calibration'
    """
    return f"{health_key(measure)}, beyond calibration"


def status(node: str, camera: str = ONLY_CAMERA) -> str:
    """Return the name of a camera's entry on /diagnostics. `node` is the node's absolute name."""
    return f"{node}: detection" + ("" if camera == ONLY_CAMERA else f" of {camera}")
