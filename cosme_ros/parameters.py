# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The parameters of the detector node, declared once: name, default, range, meaning.

The node turns this table into ROS parameters with descriptors; tests and the documentation read
it as it is. Nothing here needs ROS.
"""

import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from enum import Enum
from typing import Any

from cosme_ros import topics
from cosme_ros.inference.provider_settings import PROVIDERS, check_affinity
from cosme_ros.inference.runtime_options import parse_runtime_options

REGIONS = ("everything", "drivable")
OUTLINES = ("score", "image")
TEMPORAL = ("none", "flow")
IMAGE_TRANSPORTS = ("raw", "compressed")
SCORE_RESOLUTIONS = ("camera", "network")
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
    """One row of the table. `minimum` and `maximum` are inclusive and go with numbers."""

    name: str
    default: str | bool | int | float
    description: str
    changeable: Changeable
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()

    def complaint(self, value: object) -> str | None:
        """Return what is wrong with `value`, as in "is 2, but must be ...".

        None where it is of the default's type, in range, and one of the choices.
        """
        if type(value) is not type(self.default):
            return (
                f"is {value!r}, but must be of type {type(self.default).__name__} "
                f"(for example {self.default!r})"
            )
        if self.choices and value not in self.choices:
            return f"is '{value}', but must be one of: " + ", ".join(self.choices)
        if isinstance(value, int | float):
            low = self.minimum is not None and not value >= self.minimum
            high = self.maximum is not None and not value <= self.maximum
            if low or high:
                return f"is {value}, but must be between {self.minimum} and {self.maximum}"
        return None

    def check(self, value: object) -> None:
        """Raise ParameterError where there is a `complaint` about `value`."""
        complaint = self.complaint(value)
        if complaint is not None:
            raise ParameterError(f"parameter '{self.name}' {complaint}")


def _row(
    default: Any,
    description: str,
    changeable: Changeable,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    return field(
        default=default,
        metadata={
            "description": description,
            "changeable": changeable,
            "minimum": minimum,
            "maximum": maximum,
            "choices": choices,
        },
    )


@dataclass(frozen=True)
class Settings:
    """The checked values of all parameters. PARAMETERS is made from these fields."""

    bundle: str = _row(
        "",
        "Directory of the bundle to run. Must be given.",
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
        "ONNX Runtime execution provider. 'auto' takes the first that really runs the graphs; a "
        "named one that does not is an error.",
        Changeable.UNCONFIGURED,
        choices=("auto", *PROVIDERS),
    )
    false_positive_rate: float = _row(
        0.001,
        "Share of normal pixels that may raise an alarm; sets the alarm line through the bundle's "
        "calibration table, whose range bounds it.",
        Changeable.ALWAYS,
        minimum=1e-9,
        maximum=0.5,
    )
    region: str = _row(
        "everything",
        "Where obstacles are looked for: in the whole picture, or on the drivable area with its "
        "holes filled.",
        Changeable.ALWAYS,
        choices=REGIONS,
    )
    minimum_area: int = _row(
        64,
        "Smallest obstacle, in pixels of the camera image; smaller regions are left out of the "
        "mask.",
        Changeable.ALWAYS,
        minimum=1,
        maximum=100_000_000,
    )
    outline: str = _row(
        "image",
        "How far an obstacle reaches in the mask: to the alarm line ('score'), or to a line of its "
        "own, along edges of the image ('image'). The same frames alarm.",
        Changeable.ALWAYS,
        choices=OUTLINES,
    )
    temporal: str = _row(
        "none",
        "Whether a frame's score stands for itself ('none') or is averaged with those of the "
        "camera's last frames, carried along by optical flow ('flow').",
        Changeable.UNCONFIGURED,
        choices=TEMPORAL,
    )
    score_resolution: str = _row(
        "camera",
        "Size of ~/output/anomaly_score: the camera image's, or 'network': as the networks score, "
        "hundreds of times fewer pixels. The former is the latter enlarged.",
        Changeable.ALWAYS,
        choices=SCORE_RESOLUTIONS,
    )
    image_transport: str = _row(
        "raw",
        "Type of the input topic: sensor_msgs/Image (raw) or sensor_msgs/CompressedImage "
        "(compressed).",
        Changeable.UNCONFIGURED,
        choices=IMAGE_TRANSPORTS,
    )
    cameras: str = _row(
        "",
        "Names of the cameras, as in 'front,rear': each has the topics under its own name, "
        "~/front/input/image and so on. Empty: one camera, without a name.",
        Changeable.UNCONFIGURED,
    )
    deadline: float = _row(
        0.0,
        "Seconds since arrival after which a frame is not begun any more, but counted as late. "
        "0.0: no deadline.",
        Changeable.UNCONFIGURED,
        minimum=0.0,
        maximum=60.0,
    )
    overlap: str = _row(
        "auto",
        "Whether a second thread makes and publishes a frame's outputs while the networks are at "
        "the next frame: 'auto' where they run on a GPU; on a CPU they keep the cores busy.",
        Changeable.UNCONFIGURED,
        choices=OVERLAPS,
    )
    threads: int = _row(
        0,
        "CPU threads of ONNX Runtime; 0 leaves the number to ONNX Runtime.",
        Changeable.UNCONFIGURED,
        minimum=0,
        maximum=1024,
    )
    thread_affinity: str = _row(
        "",
        "Processors, counted from 1, for each of ONNX Runtime's threads but the first, with "
        "provider cpu: '2;3' for threads 3. Empty leaves them to the system.",
        Changeable.UNCONFIGURED,
    )
    runtime_options: str = _row(
        "",
        "ONNX Runtime's own options, name=value with commas between: 'prefer_nhwc=1' for provider "
        "cuda, or session options, which begin with 'session.'.",
        Changeable.UNCONFIGURED,
    )
    diagnostics_period: float = _row(
        1.0,
        "Seconds between two messages on /diagnostics.",
        Changeable.NEVER,
        minimum=0.1,
        maximum=60.0,
    )
    autostart: bool = _row(
        True,
        "Configure and activate when the process starts; false leaves both to a lifecycle manager.",
        Changeable.NEVER,
    )


PARAMETERS: tuple[Parameter, ...] = tuple(
    Parameter(name=row.name, default=row.default, **row.metadata)
    for row in fields(Settings)
    if row.default is not MISSING
)
PARAMETERS_BY_NAME = {parameter.name: parameter for parameter in PARAMETERS}


def check_settings(values: Mapping[str, Any]) -> Settings:
    """Settings from a value for every parameter. Raises ParameterError for the first wrong one."""
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
    try:
        topics.cameras(settings.cameras)
        if settings.thread_affinity:
            check_affinity(settings.thread_affinity, settings.threads)
        parse_runtime_options(settings.runtime_options)
    except ValueError as error:
        raise ParameterError(f"parameter {error}") from error
    return settings
