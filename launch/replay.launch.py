"""A bag through the live node: `ros2 launch cosme_ros replay.launch.py bag:=... bundle:=...`.

Starts detector, recorder and player; once the bag has been played and the detector is done with it,
the recording is judged: latency, dropped frames, detection as the vehicle had it in time. Then all
ends. Without `ros2 launch`, `python -m cosme_ros.replay_bag` does the same.
"""

import sys
from pathlib import Path

from launch import LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    ExecuteProcess,
    IncludeLaunchDescription,
    OpaqueFunction,
    RegisterEventHandler,
    Shutdown,
)
from launch.event_handlers import OnProcessExit
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from cosme_ros import bag_topics
from cosme_ros.missing_packages import named

with named():  # reading bags needs packages that the node does not
    from cosme_ros.bundle import load_bundle
    from cosme_ros.replay import Replay, choose_player, make_room

ARGUMENTS = {
    "bag": (None, "rosbag2 bag to play"),
    "bundle": (None, "Directory of the bundle to run"),
    "out": ("replay_output", "Folder to write to"),
    "rate": ("1.0", "Multiple of the speed at which the bag was recorded"),
    "image_topic": (bag_topics.CAMERA_IMAGE, "Topic of the pictures: Image or CompressedImage"),
    "label_topic": (bag_topics.CAMERA_LABELS, "Topic of the labels; empty for a bag without"),
    "provider": ("auto", "auto, tensorrt, cuda, openvino or cpu"),
    "false_positive_rate": ("0.001", "Share of normal pixels that may raise an alarm"),
    "player": ("auto", "auto, ros2 (ros2 bag play) or own (bag_player_node)"),
    "seconds_a_frame": (
        "1.0",
        "At least what the detector takes; 4 times that is waited at the end",
    ),
    "pictures": ("false", "Whether to draw a contact sheet, pictures and a video"),
    "keep_recording": ("false", "Whether to keep the bag of all topics"),
    "rviz": ("false", "Whether to start RViz with the detector's pictures"),
}


def generate_launch_description():
    return LaunchDescription(
        [
            *(
                DeclareLaunchArgument(name, default_value=default, description=description)
                for name, (default, description) in ARGUMENTS.items()
            ),
            OpaqueFunction(function=actions),
        ]
    )


def actions(context):
    """All that happens, once the values of the arguments are known. Raises for wrong ones, before
    anything is started."""
    given = context.launch_configurations
    out = Path(given["out"]).expanduser()
    pictures = given["pictures"].lower() == "true"
    replay = Replay(
        bundle=load_bundle(given["bundle"]).path,
        bag=Path(given["bag"]).expanduser(),
        image_topic=given["image_topic"],
        label_topic=given["label_topic"],
        provider=given["provider"],
        false_positive_rate=float(given["false_positive_rate"]),
        threads=0,
        rate=float(given["rate"]),
        seconds_a_frame=float(given["seconds_a_frame"]),
        overlay=pictures,
        player=choose_player(given["player"]),
    )
    transport = replay.image_transport()
    make_room(out)
    replay.write(out)
    detector = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(Path(__file__).with_name("detector.launch.py"))),
        launch_arguments={
            "bundle": str(replay.bundle),
            "image_topic": replay.image_topic,
            "image_transport": transport,
            "provider": replay.provider,
            "false_positive_rate": str(replay.false_positive_rate),
            "autostart": "true",
            "namespace": "",
            "rviz": given["rviz"],
        }.items(),
    )
    recorder = node(replay.recorder(out))
    if replay.player == "ros2":
        listeners = node(replay.listeners())
        player = ExecuteProcess(cmd=replay.ros2_player(out), output="screen")
    else:
        listeners, player = None, node(replay.own_player())
    judge = ExecuteProcess(
        cmd=[
            *(sys.executable, "-m", "cosme_ros.judge_recording", str(out)),
            *(["--pictures"] if pictures else []),
            *([] if given["keep_recording"].lower() == "true" else ["--remove-recording"]),
        ],
        output="screen",
    )

    def follow_up(event, context):
        """What the end of a process brings about."""
        detector_ended = event.process_name.startswith("detector_node")
        if context.is_shutdown or not (
            detector_ended or event.action in (recorder, listeners, player, judge)
        ):
            return None
        if detector_ended or event.returncode != 0:
            reason = f"{event.process_name} ended with exit status {event.returncode}"
            return [Shutdown(reason=f"{reason}: the replay is not complete")]
        if event.action is judge:
            return [Shutdown(reason=f"the replay has been judged, see {out}")]
        return {listeners: [player], recorder: [judge]}.get(event.action)

    return [
        # First, so that not even the quickest end is missed.
        RegisterEventHandler(OnProcessExit(on_exit=follow_up)),
        detector,
        recorder,
        listeners or player,
    ]


def node(call):
    """A node of this package, its parameters of the types it declares, whatever they look like."""
    return Node(
        package="cosme_ros",
        executable=call.executable,
        parameters=[
            {
                name: ParameterValue(value, value_type=str) if isinstance(value, str) else value
                for name, value in call.parameters.items()
            }
        ],
        output="screen",
    )
