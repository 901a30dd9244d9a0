# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The settings of a fit as a YAML file: FitSettings, with the names of its fields.

`fit --config FILE` takes them as the defaults of its options, and `fit` writes those that it used
beside the bundle, so that they can be given to `--config` again. A file may leave out what is to
stay at its default. `kind` of the student says which of the two classes its fields are of.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import yaml

from training.errors import UsageError
from training.fitting.settings import FitSettings, MemorySettings, RidgeSettings, StudentSettings
from training.method.presets import Standardisation, StudentKind

_STUDENTS = {StudentKind.RIDGE.value: RidgeSettings, StudentKind.SCRATCH.value: StudentSettings}
_KIND = "kind"


def settings_path(bundle: Path) -> Path:
    """Return where `fit` writes the settings of a bundle.

    >>> settings_path(Path("bundles/mine")).name
    'mine.settings.yaml'
    """
    return bundle.with_name(f"{bundle.name}.settings.yaml")


def write_settings(file: Path, settings: FitSettings) -> None:
    """Write the settings to `file`, in the form that `read_settings` reads."""
    content: dict[str, Any] = _plain(asdict(settings))
    ridge = isinstance(settings.student, RidgeSettings)
    kind = StudentKind.RIDGE if ridge else StudentKind.SCRATCH
    content["student"] = {_KIND: kind.value, **content["student"]}
    text = yaml.safe_dump(content, sort_keys=False, default_flow_style=None)
    file.write_text(f"# Settings of `python -m training fit`, for --config.\n{text}", "utf-8")


def read_settings(file: Path) -> dict[str, Any]:
    """Read a settings file.

    Returns:
        Its content, each name of which is a field.

    Raises:
        UsageError: it cannot be read, or holds a name that is no setting.
    """
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"settings {file} cannot be read: {error}") from error
    content = _checked(file, "the file", {} if content is None else content, FitSettings)
    if "memory" in content:
        _checked(file, "memory", content["memory"], MemorySettings)
    if "student" in content:
        student = content["student"]
        kind = student.get(_KIND) if isinstance(student, dict) else None
        if kind not in _STUDENTS:
            raise UsageError(
                f"settings {file}: '{_KIND}' of student is {kind!r}; {' or '.join(_STUDENTS)} is "
                "right"
            )
        _checked(file, "student", student, _STUDENTS[kind], _KIND)
    return content


def option_defaults(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of `fit` that stand for the content of a settings file, with values."""
    memory, student = content.get("memory", {}), content.get("student", {})
    ridge = student.get(_KIND) == StudentKind.RIDGE
    defaults: dict[str, Any] = {}

    def take(source: Mapping[str, Any], field: str, option: str, form: Callable = _same) -> None:
        # What is None in the settings is what the option is without a value.
        if source.get(field) is not None:
            defaults[option] = form(source[field])

    for field in ("size", "smoothing", "auxcon_power", "backward_power", "half_weights",
                  "calibration_share", "prototype_pictures"):  # fmt: skip
        take(content, field, field)
    take(content, "most_frames", "max_frames")
    for field in ("static_mask", "image_rotation", "image_flip"):
        take(content, field, field)
    if "guided" in content:
        filtered = content["guided"] or {"radius": 0.0, "epsilon": 0.0}
        defaults["guided"] = (filtered.get("radius"), filtered.get("epsilon"))
    take(content, "evaluation_layers", "evaluation_layers", _joined)
    take(content, "standardised", "standardisation", _standardisation)
    take(memory, "layers", "memory_layers", _joined)
    take(memory, "epochs", "memory_epochs")
    take(memory, "layer_thresholds", "similarity_threshold", _by_layer)
    take(memory, "layer_powers", "layer_power", _by_layer)
    take(memory, "stride", "memory_stride", _stride)
    for field in ("pooled", "prototypes", "momentum", "seed"):
        take(memory, field, field)
    take(student, _KIND, "student")
    take(student, "layers", "supervised_layers", _joined)
    if ridge:
        for field in ("backbone", "normalization", "weights", "size"):
            take(student, field, f"student_{field}")
        take(student, "penalty", "ridge_penalty")
        take(student, "backward_layers", "backward_layers", _joined)
        take(student, "backbone_layers", "student_layers", _joined)
        take(student, "module_layers", "student_layers")
    else:
        for field in ("architecture", "width", "steps"):
            take(student, field, f"student_{field}")
        for field in ("batch", "learning_rate", "workers"):
            take(student, field, field)
        if {"crop_height", "crop_width"} <= set(student):
            defaults["crop"] = (student["crop_height"], student["crop_width"])
    return defaults


def without_option(content: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the fields of memory and of a ridge student that no option sets."""
    memory, student = content.get("memory", {}), content.get("student", {})
    return (
        {name: memory[name] for name in ("similarity_threshold", "batch") if name in memory},
        {name: student[name] for name in ("backward_penalty",) if name in student},
    )


def _checked(file: Path, where: str, content: Any, kind: type, *more: str) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise UsageError(f"settings {file}: {where} must hold names and values")
    known = (*more, *(field.name for field in fields(kind)))
    for name in content:
        if name not in known:
            raise UsageError(
                f"settings {file}: {where} has '{name}', which is no setting; there are "
                f"{', '.join(known)}"
            )
    return content


def _plain(value: Any) -> Any:
    """Return the value in types that YAML has: lists for tuples."""
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def _same(value: Any) -> Any:
    return value


def _joined(layers: list[str]) -> str:
    return ",".join(layers)


def _by_layer(numbers: Mapping[str, float]) -> str:
    return ",".join(f"{layer}={number!r}" for layer, number in numbers.items())


def _standardisation(standardised: bool) -> str:
    return (Standardisation.CLASS if standardised else Standardisation.NONE).value


def _stride(stride: int | None) -> int:
    return stride or 0
