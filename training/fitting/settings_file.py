# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The settings of a fit as a YAML file: FitSettings, with the names of its fields.

`fit --config FILE` takes them as the defaults of its options, and `fit` writes those that it used
beside the bundle, so that they can be given to `--config` again. A file may leave out what is to
stay at its default. `kind` of the student says which of the two classes its fields are of.
"""

from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import yaml

from training.errors import UsageError
from training.fitting.settings import FitSettings, MemorySettings, RidgeSettings, StudentSettings
from training.method.presets import Standardisation, StudentKind

_STUDENTS = {StudentKind.RIDGE.value: RidgeSettings, StudentKind.SCRATCH.value: StudentSettings}
_KIND = "kind"


def _same(*names: str) -> dict[str, str]:
    return dict(zip(names, names, strict=True))


# Fields to the options of `fit`.
_OF_FIT = {
    **_same("size", "evaluation_layers", "smoothing", "auxcon_power", "backward_power"),
    **_same("half_weights", "prototype_pictures", "calibration_share"),
    **_same("static_mask", "image_rotation", "image_flip"),
    "most_frames": "max_frames",
}
_OF_MEMORY = {
    **_same("pooled", "prototypes", "momentum", "seed"),
    "layers": "memory_layers",
    "epochs": "memory_epochs",
    "layer_thresholds": "similarity_threshold",
    "layer_powers": "layer_power",
}
_OF_RIDGE = {
    _KIND: "student",
    "layers": "supervised_layers",
    "backbone": "student_backbone",
    "normalization": "student_normalization",
    "weights": "student_weights",
    "size": "student_size",
    "penalty": "ridge_penalty",
    "backward_layers": "backward_layers",
    "backbone_layers": "student_layers",
    "module_layers": "student_layers",
}
_OF_SCRATCH = {
    **_same("batch", "learning_rate", "workers"),
    _KIND: "student",
    "layers": "supervised_layers",
    "architecture": "student_architecture",
    "width": "student_width",
    "steps": "student_steps",
}


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
    of_student = _OF_RIDGE if student.get(_KIND) == StudentKind.RIDGE else _OF_SCRATCH
    defaults = {
        option: _as_option(source[field])
        for source, options in ((content, _OF_FIT), (memory, _OF_MEMORY), (student, of_student))
        for field, option in options.items()
        # What is None in the settings is what the option is without a value.
        if source.get(field) is not None
    }
    if "stride" in memory:
        defaults["memory_stride"] = memory["stride"] or 0
    if "guided" in content:
        filtered = content["guided"] or {"radius": 0.0, "epsilon": 0.0}
        defaults["guided"] = (filtered.get("radius"), filtered.get("epsilon"))
    if content.get("standardised") is not None:
        standardised = content["standardised"]
        chosen = Standardisation.CLASS if standardised else Standardisation.NONE
        defaults["standardisation"] = chosen.value
    if of_student is _OF_SCRATCH and {"crop_height", "crop_width"} <= set(student):
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


def _as_option(value: Any) -> Any:
    """Return a value as the command line has it: layers, and numbers by layer, in one text."""
    if isinstance(value, Mapping):
        return ",".join(f"{layer}={number!r}" for layer, number in value.items())
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ",".join(value)
    return value
