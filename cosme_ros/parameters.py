# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The parameters of every node, each in one row of one table: name, default, range, meaning.

`Settings` is the table of the detector; the other nodes have a table each. The nodes declare these
rows as ROS parameters, launch files and commands take defaults and help texts from them, and
`make parameters` writes config/detector.yaml and docs/parameters.md. Nothing here needs ROS.
"""

import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from enum import Enum
from typing import Any

from cosme_ros import topics
from cosme_ros.inference.provider_settings import PROVIDERS, check_affinity
from cosme_ros.inference.runtime_options import parse_runtime_options
from cosme_ros.messages.image_orientation import FLIPS, ROTATIONS, ImageOrientation
from cosme_ros.messages.picture_headers import MAX_IMAGE_PIXELS

REGIONS = ("everything", "drivable")
OUTLINES = ("score", "image")
SMALLEST_AREA = 100
"""Pixels of the smallest obstacle in an image of the bundle's size, where `minimum_area` is 0.
docs/shape_and_time.md has how it was chosen."""
OUT_OF_DOMAIN = ("withhold", "publish")
TEMPORAL = ("none", "flow")
IMAGE_TRANSPORTS = ("raw", "compressed")
SCORE_RESOLUTIONS = ("camera", "network")
CAMERA_POSES = ("parameters", "tf")
# Not "on" and "off": to YAML, in which ROS reads parameters, these are true and false.
OVERLAPS = ("auto", "always", "never")


_DIGEST = re.compile(r"(?:[0-9a-fA-F]{64})?")


class ParameterError(ValueError):
    """A parameter's value cannot be used; the sentence names it and what would be right."""


class Changeable(Enum):
    """When a parameter may be set while the node is alive."""

    NEVER = "when the process starts"
    UNCONFIGURED = "while the node is unconfigured"
    ALWAYS = "at any time; the next frame uses it"


@dataclass(frozen=True)
class Parameter:
    """One row of a table. `minimum` and `maximum` are inclusive and go with numbers."""

    name: str
    default: str | bool | int | float
    description: str
    changeable: Changeable
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str | int, ...] = ()

    def fault(self, value: object) -> str | None:
        """Return what is wrong with `value`, as in "is 2, but must be ...".

        None where it is of the default's type, in range, and one of the choices.
        """
        if type(value) is not type(self.default):
            return (
                f"is {value!r}, but must be of type {type(self.default).__name__} "
                f"(for example {self.default!r})"
            )
        if self.choices and value not in self.choices:
            return f"is '{value}', but must be one of: " + ", ".join(map(str, self.choices))
        if isinstance(value, int | float):
            low = self.minimum is not None and not value >= self.minimum
            high = self.maximum is not None and not value <= self.maximum
            if low or high:
                return f"is {value}, but must be {self.range_text()}"
        return None

    def range_text(self) -> str:
        """Return the numbers that are allowed, as in "between 0 and 1"; empty for any."""
        if self.minimum is None and self.maximum is None:
            return ""
        if self.maximum is None:
            return f"{self.minimum} or more"
        return f"between {self.minimum} and {self.maximum}"

    def help_text(self) -> str:
        """Return the description with the choices, for help texts and descriptors."""
        choices = f" One of: {', '.join(map(str, self.choices))}." if self.choices else ""
        return self.description + choices

    def check(self, value: object) -> None:
        """Raise ParameterError where there is a `fault` about `value`."""
        fault = self.fault(value)
        if fault is not None:
            raise ParameterError(f"parameter '{self.name}' {fault}")


def _row(
    default: Any,
    description: str,
    changeable: Changeable,
    *,
    between: tuple[float | None, float | None] = (None, None),
    choices: tuple[str | int, ...] = (),
) -> Any:
    return field(
        default=default,
        metadata={
            "description": description,
            "changeable": changeable,
            "minimum": between[0],
            "maximum": between[1],
            "choices": choices,
        },
    )


@dataclass(frozen=True)
class Settings:
    """The checked values of all parameters. PARAMETERS is made from these fields."""

    bundle: str = _row(
        "",
        "Directory of the bundle to run. The node cannot be configured without one.",
        Changeable.UNCONFIGURED,
    )
    bundle_digest: str = _row(
        "",
        "SHA-256 of the manifest.json of the only bundle that may run, as the node logs it and "
        "sha256sum prints it. Empty: any bundle.",
        Changeable.UNCONFIGURED,
    )
    provider: str = _row(
        "auto",
        "ONNX Runtime execution provider. 'auto' takes the first that really runs the graphs. A "
        "named provider that does not run them is an error.",
        Changeable.UNCONFIGURED,
        choices=("auto", *PROVIDERS),
    )
    device: int = _row(
        0,
        "Number of the GPU for providers tensorrt and cuda, from 0, as CUDA counts those that "
        "CUDA_VISIBLE_DEVICES leaves. Another number than 0 with another provider is an error.",
        Changeable.UNCONFIGURED,
        between=(0, 255),
    )
    false_positive_rate: float = _row(
        0.0,
        "Share of normal pixels that may raise an alarm; sets the alarm line through the bundle's "
        "calibration table, whose range bounds it. 0.0: the rate that the bundle names, or 0.001 "
        "where an older one names none.",
        Changeable.ALWAYS,
        between=(0.0, 0.5),
    )
    region: str = _row(
        "everything",
        "Where obstacles are looked for: in the whole image, or on the drivable area with its "
        "holes filled.",
        Changeable.ALWAYS,
        choices=REGIONS,
    )
    minimum_area: int = _row(
        0,
        "Smallest obstacle, in pixels of the camera image. Smaller regions are left out of the "
        f"mask. 0: as large as {SMALLEST_AREA} pixels in an image of the bundle's size.",
        Changeable.ALWAYS,
        between=(0, 100_000_000),
    )
    outline: str = _row(
        "image",
        "How far an obstacle reaches in the mask: to the alarm line ('score'), or to a line of its "
        "own, along edges of the image ('image'). The same frames raise an alarm with both.",
        Changeable.ALWAYS,
        choices=OUTLINES,
    )
    static_mask: str = _row(
        "",
        "PNG file, white where the camera's image is looked at and black where it never is: "
        "bonnet, rain cover, edge of the lens. No obstacle is found under black, which is not "
        "looked at, not clear. Empty: all of the image is looked at.",
        Changeable.UNCONFIGURED,
    )
    out_of_domain: str = _row(
        "withhold",
        "What happens to mask, markers and detections while the frames are unlike those of "
        "calibration (health out_of_domain): nothing of them is published ('withhold'), because "
        "unknown is not clear, or they are published as always ('publish'). Scores and overlay are "
        "published with both.",
        Changeable.ALWAYS,
        choices=OUT_OF_DOMAIN,
    )
    marks: str = _row(
        "",
        "File of marks: what the detector was taught to be normal on the vehicle. ~/save_memory "
        "writes it; where it is not there, the node begins without marks. Empty: none, and nothing "
        "can be marked.",
        Changeable.UNCONFIGURED,
    )
    marks_guard: bool = _row(
        True,
        "Whether marks that would blind the detector are refused: a large part of the road, a "
        "thing that stands on it, a score higher than any of the calibration. false: every mark "
        "is taken, and the journal says so.",
        Changeable.ALWAYS,
    )
    marks_limit: int = _row(
        512,
        "Prototypes that all marks together may add to one layer. Each costs time in every frame.",
        Changeable.UNCONFIGURED,
        between=(1, 65536),
    )
    driven_over: bool = _row(
        False,
        "Whether alarms on road that the vehicle has since driven over are marked as normal by "
        "themselves. Needs ~/input/odometry about 'vehicle_frame', 'marks', the camera's pose and "
        "camera_info. The guard of marks is always on for them.",
        Changeable.UNCONFIGURED,
    )
    driven_over_width: float = _row(
        1.5,
        "Width of the strip that counts as driven over, metres, about the middle of "
        "'vehicle_frame': that of the vehicle from tyre to tyre, or less.",
        Changeable.UNCONFIGURED,
        between=(0.1, 10.0),
    )
    driven_over_period: float = _row(
        10.0,
        "Seconds between two marks by 'driven_over', at least; a mark that the guard refuses "
        "counts too.",
        Changeable.UNCONFIGURED,
        between=(0.0, 86400.0),
    )
    temporal: str = _row(
        "none",
        "Whether a frame's score stands for itself ('none') or is averaged with those of the "
        "camera's last frames, moved by optical flow ('flow'). For 'flow', calibrate the bundle "
        "with --temporal flow.",
        Changeable.UNCONFIGURED,
        choices=TEMPORAL,
    )
    tracking: bool = _row(
        False,
        "Whether obstacles are followed from frame to frame: markers and detections then have ids "
        "that stay. Needs the Python package norfair-enough.",
        Changeable.UNCONFIGURED,
    )
    alarm_min_seen: int = _row(
        1,
        "Frames of the last 'alarm_window' that have to show an obstacle before it is published in "
        "any output but the score. 1: at once. More delays every obstacle, true ones too, and "
        "needs 'tracking'.",
        Changeable.UNCONFIGURED,
        between=(1, 100),
    )
    alarm_window: int = _row(
        1,
        "Frames over which 'alarm_min_seen' counts: 3 and 5 for an obstacle that 3 of the last 5 "
        "frames have shown.",
        Changeable.UNCONFIGURED,
        between=(1, 100),
    )
    score_resolution: str = _row(
        "camera",
        "Size of ~/output/anomaly_score: that of the camera image, or 'network': that of the "
        "networks' score, with hundreds of times fewer pixels. The former is the latter, enlarged.",
        Changeable.ALWAYS,
        choices=SCORE_RESOLUTIONS,
    )
    camera_pose: str = _row(
        "parameters",
        "Where the camera's pose in the vehicle's frame comes from, by which obstacles get a place "
        "on the road: these parameters, or tf2 ('tf'), with the road as the plane z = 0 of "
        "vehicle_frame.",
        Changeable.UNCONFIGURED,
        choices=CAMERA_POSES,
    )
    vehicle_frame: str = _row(
        "base_link",
        "Frame in which obstacles get a place: x forward, y left, z up, and z = 0 on the road.",
        Changeable.UNCONFIGURED,
    )
    camera_height: float = _row(
        0.0,
        "Height of the camera above the road, metres. 0.0 with camera_pose 'parameters': obstacles "
        "get no place on the road.",
        Changeable.ALWAYS,
        between=(0.0, 100.0),
    )
    camera_x: float = _row(
        0.0,
        "Place of the camera in the vehicle's frame, metres forward.",
        Changeable.ALWAYS,
        between=(-100.0, 100.0),
    )
    camera_y: float = _row(
        0.0,
        "Place of the camera in the vehicle's frame, metres to the left.",
        Changeable.ALWAYS,
        between=(-100.0, 100.0),
    )
    camera_pitch: float = _row(
        0.0,
        "Angle by which the camera looks down, radians.",
        Changeable.ALWAYS,
        between=(-1.57, 1.57),
    )
    camera_roll: float = _row(
        0.0,
        "Angle by which the camera's right side is down, radians.",
        Changeable.ALWAYS,
        between=(-3.15, 3.15),
    )
    camera_yaw: float = _row(
        0.0,
        "Angle by which the camera looks to the left, radians.",
        Changeable.ALWAYS,
        between=(-3.15, 3.15),
    )
    image_rectified: bool = _row(
        False,
        "Whether the images are rectified. true: pixels are placed by P of camera_info; false: by "
        "K, D and the distortion model.",
        Changeable.ALWAYS,
    )
    pitch_sigma: float = _row(
        0.01,
        "Standard deviation of the camera's pitch against the road, radians: nodding of the "
        "vehicle, slope, mounting.",
        Changeable.ALWAYS,
        between=(0.0, 0.5),
    )
    foot_sigma: float = _row(
        5.0,
        "Standard deviation of the place of an obstacle's lower edge in the image, pixels.",
        Changeable.ALWAYS,
        between=(0.0, 100.0),
    )
    maximum_range: float = _row(
        50.0,
        "An obstacle that is further away than this many metres gets no place on the road.",
        Changeable.ALWAYS,
        between=(0.1, 1000.0),
    )
    point_height: float = _row(
        0.2,
        "Height above the road of the points of ~/output/obstacle_points, metres. Listeners take "
        "points that lie on the road for road.",
        Changeable.ALWAYS,
        between=(0.0, 10.0),
    )
    image_transport: str = _row(
        "raw",
        "Type of the input topic: sensor_msgs/Image (raw) or sensor_msgs/CompressedImage "
        "(compressed).",
        Changeable.UNCONFIGURED,
        choices=IMAGE_TRANSPORTS,
    )
    image_rotation: int = _row(
        0,
        "Degrees clockwise by which the camera's image is turned to be upright: 180 for a camera "
        "mounted upside down. Only the networks see it turned; all outputs lie in the image as it "
        "comes.",
        Changeable.UNCONFIGURED,
        choices=ROTATIONS,
    )
    image_flip: str = _row(
        "none",
        "Whether the camera's image, after its rotation, is mirrored for the networks: left and "
        "right ('horizontal') or top and bottom ('vertical') are exchanged.",
        Changeable.UNCONFIGURED,
        choices=FLIPS,
    )
    max_image_pixels: int = _row(
        MAX_IMAGE_PIXELS,
        "Width times height of the largest image that is decoded. A compressed picture is asked by "
        "its header, before memory is taken; a larger one is a failed frame.",
        Changeable.UNCONFIGURED,
        between=(1, 1 << 30),
    )
    cameras: str = _row(
        "",
        "Names of the cameras, as in 'front,rear': each has the topics under its own name, "
        "~/front/input/image and so on. Without names there is one camera, and its topics are "
        "~/input/image and so on.",
        Changeable.UNCONFIGURED,
    )
    deadline: float = _row(
        0.0,
        "A frame that has waited for more than this many seconds since its arrival is not "
        "processed, and is counted as late. 0.0: no deadline.",
        Changeable.UNCONFIGURED,
        between=(0.0, 60.0),
    )
    stall_warning: float = _row(
        2.0,
        "Seconds without a result, while frames wait or are worked on, after which /diagnostics "
        "warns.",
        Changeable.ALWAYS,
        between=(0.1, 3600.0),
    )
    stall_error: float = _row(
        5.0,
        "Seconds without a result, while frames wait or are worked on, after which /diagnostics "
        "has an error. A frame that takes longer when the node is deactivated is taken to hang, "
        "and the process ends.",
        Changeable.ALWAYS,
        between=(0.1, 3600.0),
    )
    stall_exit: float = _row(
        30.0,
        "Seconds without a result, while frames wait or are worked on, or while every frame fails "
        "by an unexpected error, after which the process ends with exit status 70 and the launch "
        "file starts it again. Only after a first result, not before 'stall_error'. 0.0: never.",
        Changeable.ALWAYS,
        between=(0.0, 3600.0),
    )
    overlap: str = _row(
        "auto",
        "Whether a second thread makes and publishes a frame's outputs while the networks process "
        "the next frame. 'auto': where they run on a GPU; on a CPU they keep the cores busy.",
        Changeable.UNCONFIGURED,
        choices=OVERLAPS,
    )
    threads: int = _row(
        0,
        "CPU threads of ONNX Runtime. 0: ONNX Runtime chooses the number.",
        Changeable.UNCONFIGURED,
        between=(0, 1024),
    )
    thread_affinity: str = _row(
        "",
        "Processors, counted from 1, for each of ONNX Runtime's threads but the first, with "
        "provider cpu: '2;3' for threads 3. Empty: the system chooses.",
        Changeable.UNCONFIGURED,
    )
    runtime_options: str = _row(
        "",
        "ONNX Runtime's own options, name=value with commas between: 'prefer_nhwc=1' for provider "
        "cuda, or session options, whose names begin with 'session.'.",
        Changeable.UNCONFIGURED,
    )
    diagnostics_period: float = _row(
        1.0,
        "Seconds between two messages on /diagnostics.",
        Changeable.NEVER,
        between=(0.1, 60.0),
    )
    autostart: bool = _row(
        True,
        "Configure and activate when the process starts. false: a lifecycle manager does both.",
        Changeable.NEVER,
    )

    @property
    def exit_after(self) -> float:
        """Seconds without a result after which the process ends; 0.0 for never."""
        return self.stall_exit and max(self.stall_exit, self.stall_error)

    @property
    def orientation(self) -> ImageOrientation:
        """Return how the camera's image becomes upright."""
        return ImageOrientation(self.image_rotation, self.image_flip)


PARAMETERS: tuple[Parameter, ...] = tuple(
    Parameter(name=row.name, default=row.default, **row.metadata)
    for row in fields(Settings)
    if row.default is not MISSING
)
PARAMETERS_BY_NAME = {parameter.name: parameter for parameter in PARAMETERS}


def _constant(
    name: str,
    default: str | bool | int | float,
    description: str,
    *,
    minimum: float | None = None,
    choices: tuple[str, ...] = (),
) -> Parameter:
    """Return a row of a node that reads its parameters once, when its process starts."""
    return Parameter(name, default, description, Changeable.NEVER, minimum=minimum, choices=choices)


PLAYER_PARAMETERS = (
    _constant(
        "bag",
        "",
        "What to play: a rosbag2 or ROS 1 bag, a folder of images, a video file, /dev/videoN, or "
        "the address of a stream. Must be given.",
    ),
    _constant(
        "image_topic",
        topics.CAMERA_IMAGE,
        "Topic of the images. Of a bag: Image, CompressedImage, or H.264 or H.265 packets, which "
        "are played as Image. All else is played as Image, under this name without /compressed.",
    ),
    _constant(
        "frame_rate",
        10.0,
        "Of a folder of images that are not named by stamps, in frames a second.",
        minimum=1e-3,
    ),
    _constant(
        "label_topic",
        topics.CAMERA_LABELS,
        "Topic of the labels, mono8: 0 normal, 1 anomaly, 255 ignored. Empty: none.",
    ),
    _constant("camera_info_topic", topics.CAMERA_INFO, "Topic of camera_info. Empty: none."),
    _constant("rate", 1.0, "Multiple of the speed of recording.", minimum=1e-6),
    _constant(
        "rounds",
        1,
        "Number of times the bag is played, one after the other without a gap. 0: without end.",
        minimum=0,
    ),
    _constant(
        "restamp",
        True,
        "Stamp each frame, with all its messages, with the time at which it is played. false: keep "
        "the stamps of the bag.",
    ),
    _constant(
        "image_subscribers",
        1,
        "Number of subscriptions to the images to wait for before playing.",
        minimum=0,
    ),
    _constant(
        "label_subscribers",
        0,
        "Number of subscriptions to the labels to wait for before playing.",
        minimum=0,
    ),
    _constant(
        "wait_timeout",
        60.0,
        "Seconds to wait for the subscriptions before giving up. 0.0: no limit.",
        minimum=0.0,
    ),
)
"""Of `bag_player_node`."""

RECORDER_PARAMETERS = (
    _constant("bag", "", "Directory to write the bag to. It must not exist yet. Must be given."),
    _constant("image_topic", topics.CAMERA_IMAGE, "Topic of the images."),
    _constant(
        "image_transport",
        "compressed",
        "Type of the image topic: sensor_msgs/Image (raw) or sensor_msgs/CompressedImage "
        "(compressed).",
        choices=IMAGE_TRANSPORTS,
    ),
    _constant("label_topic", topics.CAMERA_LABELS, "Topic of the labels. Empty: none."),
    _constant(
        "overlay",
        True,
        "Record the overlay too. The detector draws it only while there is a subscription.",
    ),
    _constant(
        "stop_after",
        0.0,
        "Stop when the publisher of the images has gone and no message came for this many seconds. "
        "0.0: record until interrupted.",
        minimum=0.0,
    ),
    _constant(
        "maximum_bytes",
        4_000_000_000,
        "Stop when the recorded messages have more bytes than this.",
        minimum=1,
    ),
)
"""Of `recorder_node`."""


def check_settings(values: Mapping[str, Any]) -> Settings:
    """Return the settings of a value for every parameter.

    Raises:
        ParameterError: for the first wrong value.
    """
    for row in PARAMETERS:
        row.check(values[row.name])
    settings = Settings(**{row.name: values[row.name] for row in PARAMETERS})
    if not settings.bundle:
        raise ParameterError(
            "parameter 'bundle' is empty, but must be the directory of a bundle "
            "(bundle:=/path/to/bundle)"
        )
    if not _DIGEST.fullmatch(settings.bundle_digest):
        raise ParameterError(
            f"parameter 'bundle_digest' is {settings.bundle_digest[:80]!r}, but must be empty or "
            "the 64 hexadecimal digits that `sha256sum manifest.json` prints"
        )
    check_together(settings)
    try:
        if settings.thread_affinity:
            check_affinity(settings.thread_affinity, settings.threads)
        parse_runtime_options(settings.runtime_options)
    except ValueError as error:
        raise ParameterError(f"parameter {error}") from error
    return settings


def check_together(settings: Settings) -> None:
    """Raise ParameterError for values that contradict each other; each by itself is right."""
    try:
        cameras = len(topics.cameras(settings.cameras))
    except ValueError as error:
        raise ParameterError(f"parameter {error}") from error
    pose_unknown = settings.camera_pose == "parameters" and not settings.camera_height
    faults = (
        (
            settings.stall_error < settings.stall_warning,
            f"'stall_error' is {settings.stall_error}, but must be 'stall_warning', "
            f"{settings.stall_warning}, or more",
        ),
        (
            settings.alarm_min_seen > settings.alarm_window,
            f"'alarm_min_seen' is {settings.alarm_min_seen}, but must be 'alarm_window', "
            f"{settings.alarm_window}, or less",
        ),
        (
            settings.alarm_min_seen > 1 and not settings.tracking,
            f"'alarm_min_seen' is {settings.alarm_min_seen}, and obstacles are not followed from "
            "frame to frame; 'tracking' true is right with it",
        ),
        (
            bool(settings.static_mask) and cameras > 1,
            f"'static_mask' is of one camera, but 'cameras' names {cameras}; start a node for each "
            "camera that has a mask",
        ),
        (
            settings.camera_pose == "parameters" and not pose_unknown and cameras > 1,
            f"'camera_height' is of one camera, but 'cameras' names {cameras}; start a node for "
            "each camera, or take their poses from tf2 (camera_pose:=tf)",
        ),
        (
            settings.driven_over and not settings.marks,
            "'driven_over' is true, and nothing can be marked; 'marks' with the name of a file is "
            "right with it",
        ),
        (
            settings.driven_over and pose_unknown,
            "'driven_over' is true, and the camera's pose is not known; the height of the camera "
            "as 'camera_height', or 'camera_pose' tf, is right with it",
        ),
        (
            not settings.vehicle_frame,
            "'vehicle_frame' is empty, but must be the name of a frame, as in 'base_link'",
        ),
    )
    for is_wrong, sentence in faults:
        if is_wrong:
            raise ParameterError(f"parameter {sentence}")
