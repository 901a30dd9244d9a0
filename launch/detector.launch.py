"""Starts the detector node: `ros2 launch cosme_ros detector.launch.py bundle:=/path/to/bundle`.

With several cameras, `cameras:=front,rear image_topic:=/{camera}/image_raw` listens to
/front/image_raw and /rear/image_raw.

The node configures and activates itself (unless autostart:=false), so this is a plain Node action
without lifecycle event handlers.
"""

import os
from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from cosme_ros import names
from cosme_ros.dds_profile import profile_path, profile_variable

CONFIG = Path(get_package_share_directory("cosme_ros")) / "config"
# Launch arguments that stand for a parameter. They have no default of their own: one that is not
# given must not override params_file.
PARAMETER_ARGUMENTS = {
    "bundle": (str, "Directory of the bundle to run"),
    "image_transport": (str, "raw (sensor_msgs/Image) or compressed (CompressedImage)"),
    "provider": (str, "auto, tensorrt, cuda, openvino or cpu"),
    "false_positive_rate": (float, "Share of normal pixels that may raise an alarm"),
    "region": (str, "Where obstacles are looked for: everything or drivable"),
    "cameras": (str, "Names of several cameras, as in front,rear"),
    "autostart": (bool, "Whether the node configures and activates itself"),
}
OTHER_ARGUMENTS = {
    "image_topic": (
        "",
        "Topic of the camera images, of image_transport's type; {camera} in it stands for the name "
        "of each of cameras. Empty: /camera/image_raw, with cameras /{camera}/image_raw",
    ),
    "camera_info_topic": (
        "",
        "Of the camera's calibration, likewise. Empty: camera_info beside image_topic",
    ),
    "namespace": ("", "Namespace of the node, for example /front"),
    "params_file": (str(CONFIG / "detector.yaml"), "Parameters of the node"),
    "log_level": ("info", "debug, info, warn, error or fatal"),
    "rviz": ("false", "Whether to start RViz with the detector's pictures, of the first camera"),
    "camera_frame": ("camera", "frame_id of the images, in which RViz shows the obstacles"),
}


def generate_launch_description():
    return LaunchDescription(
        [
            *(
                DeclareLaunchArgument(
                    name, default_value="", description=f"{description}. Empty: as in params_file"
                )
                for name, (_, description) in PARAMETER_ARGUMENTS.items()
            ),
            *(
                DeclareLaunchArgument(name, default_value=default, description=description)
                for name, (default, description) in OTHER_ARGUMENTS.items()
            ),
            *dds_profile(),
            OpaqueFunction(function=nodes),
        ]
    )


def dds_profile():
    """Room for images of megabytes in Fast DDS, unless the user has a profile of their own."""
    variable = profile_variable()
    if os.environ.get(variable):
        return []
    return [SetEnvironmentVariable(variable, str(profile_path()))]


def parameter_value(text, kind):
    """Of the type that the node declares, whatever the text looks like: 1e-3 is text in YAML."""
    return float(text) if kind is float else ParameterValue(text, value_type=kind)


def image_topic_of(cameras):
    """Where drivers publish by the convention of image_pipeline."""
    named = cameras != (names.ONLY_CAMERA,)
    return f"/{names.CAMERA_PLACEHOLDER if named else 'camera'}/image_raw"


def camera_info_beside(image_topic):
    """Where drivers publish it by the convention of image_transport."""
    return image_topic.removesuffix("/compressed").rpartition("/")[0] + "/camera_info"


def nodes(context):
    """The nodes, once the values of the arguments are known."""
    given = context.launch_configurations
    cameras = names.cameras(given["cameras"])
    topics = names.of_each_camera(given["image_topic"] or image_topic_of(cameras), cameras)
    info_topics = (
        names.of_each_camera(given["camera_info_topic"], cameras)
        if given["camera_info_topic"]
        else {camera: camera_info_beside(topic) for camera, topic in topics.items()}
    )
    overrides = {
        name: parameter_value(given[name], kind)
        for name, (kind, _) in PARAMETER_ARGUMENTS.items()
        if given[name]
    }
    detector = Node(
        package="cosme_ros",
        executable="detector_node",
        name=names.DETECTOR_NODE,
        namespace=given["namespace"],
        parameters=[given["params_file"], *([overrides] if overrides else [])],
        remappings=[
            (names.of_camera(name, camera), of_camera[camera])
            for camera in cameras
            for name, of_camera in (
                (names.INPUT_IMAGE, topics),
                (names.INPUT_CAMERA_INFO, info_topics),
            )
        ],
        ros_arguments=["--log-level", given["log_level"]],
        output="screen",
    )
    # The RViz configuration names the topics of a node without namespace, whose camera has no name.
    shown = cameras[0]
    outputs = (
        names.OUTPUT_OVERLAY,
        names.OUTPUT_SCORE,
        names.OUTPUT_MASK,
        names.OUTPUT_MARKERS,
    )
    rviz = Node(
        package="rviz2",
        executable="rviz2",
        name="cosme_rviz",
        arguments=["-d", str(CONFIG / "cosme.rviz"), "-f", given["camera_frame"]],
        remappings=[
            ("/camera/image_raw", topics[shown]),
            ("/camera/camera_info", info_topics[shown]),
            *(
                (
                    names.resolve(output),
                    names.resolve(names.of_camera(output, shown), namespace=given["namespace"]),
                )
                for output in outputs
            ),
        ],
        output="screen",
        condition=IfCondition(LaunchConfiguration("rviz")),
    )
    return [detector, rviz]
