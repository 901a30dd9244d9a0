# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Opens a teacher, whether a checkpoint of this package or anybody's network."""

from pathlib import Path

from training.datasets.readers.class_list import SegmentationClass
from training.datasets.registry import load_class_list
from training.errors import UsageError
from training.teachers.absent import AbsentTeacher
from training.teachers.any_module import AnyModule, parse_layers, parse_normalization
from training.teachers.checkpoint import TeacherCheckpoint, load_teacher
from training.teachers.module_loading import MODULE, load_module

NO_TEACHER = "none"
"""What `--teacher` is where there is no segmentation network."""

ANYTHING = (
    SegmentationClass("anything", (128, 128, 128), False),
    SegmentationClass("unused", (0, 0, 0), False),
)
"""The classes of a bundle without a teacher."""


def open_teacher(
    teacher: str,
    *,
    sizes: tuple[tuple[int, int], ...],
    layers: str | None = None,
    normalization: str | None = None,
    classes: str | None = None,
    weights: Path | None = None,
) -> TeacherCheckpoint:
    """Open the teacher that a command line names; its network is frozen, on the CPU.

    Args:
        teacher: path of a checkpoint that `teacher` or `import-teacher` wrote, or
            `my_module:build`, a function without arguments that returns an `nn.Module`; or
            `none`.
        sizes: (height, width) in pixels of every input that it will be given, the first of them
            the network input of the bundle.
        layers: for a module: `c4=backbone.layer3,...`, see `AnyModule`.
        normalization: for a module: `imagenet` (without it, too) or `MEAN/DEVIATION`.
        classes: for a module: name or file of its class list.
        weights: for a module: file of a state dictionary to load into it.

    Raises:
        UsageError: there is no such teacher, or its description is wrong.
    """
    if teacher == NO_TEACHER:
        _refuse_module_options(teacher, layers, normalization, classes, weights)
        return TeacherCheckpoint(AbsentTeacher().eval(), NO_TEACHER, 1.0, ANYTHING, "nothing")
    if not MODULE.fullmatch(teacher) or Path(teacher).exists():
        _refuse_module_options(teacher, layers, normalization, classes, weights)
        try:
            return load_teacher(Path(teacher))
        except FileNotFoundError:
            raise UsageError(
                f"teacher {teacher} does not exist; expected a checkpoint that "
                "`python -m training teacher` wrote, or my_module:build"
            ) from None
    if layers is None or classes is None:
        raise UsageError(
            f"the teacher {teacher} needs --layers (c4=path.in.the.network,...,lh=...,o=...) and "
            "--classes (a class list)"
        )
    mapping = parse_layers(layers)
    statistics = parse_normalization(normalization or "imagenet")
    names = load_class_list(classes).classes
    module = load_module(teacher, weights)
    network = AnyModule(module, mapping, classes=len(names), normalization=statistics, sizes=sizes)
    return TeacherCheckpoint(
        network,
        f"module:{teacher}",
        1.0,
        names,
        "unknown frames" if weights is None else f"unknown frames ({weights.name})",
    )


def _refuse_module_options(teacher: str, *values: object) -> None:
    options = ("--layers", "--normalization", "--classes", "--teacher-weights")
    given = [option for option, value in zip(options, values, strict=True) if value is not None]
    if given:
        raise UsageError(
            f"{' and '.join(given)} describe a teacher given as my_module:build; {teacher} is "
            "none, and knows these itself"
        )
