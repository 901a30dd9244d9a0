"""Trains a segmentation teacher; stopped at any moment, it goes on where it was."""

import json
from collections.abc import Callable, Iterator
from dataclasses import MISSING, asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

from training.auxiliary_classifiers import AuxiliaryClassifiers
from training.checkpoint import (
    SegmentationClass,
    TeacherCheckpoint,
    load_teacher,
    save_atomically,
    save_teacher,
)
from training.datasets.frames import LabelledSource
from training.errors import UsageError
from training.preprocessing import Preprocessing
from training.random_views import Batch, RandomViews
from training.segmentation_loss import class_weights, segmentation_loss
from training.teacher_settings import TeacherSettings
from training.teachers import SegmentationNetwork, Teacher, build_teacher

TEACHER_FILE = "teacher.pt"
PROGRESS_FILE = "progress.pt"
REPORT_FILE = "report.json"

POLY_POWER = 0.9
"""Of the learning-rate schedule (DeepLab, Chen et al., TPAMI 2018)."""


class TeacherTraining:
    """One run, in one folder.

    Args:
        settings: what to compute.
        source: labelled frames to train on.
        classes: what the labels mean.
        run_dir: gets progress.pt and, at the end, teacher.pt and report.json.
        workers: processes that prepare data; does not change the result.

    Raises:
        UsageError: a setting is out of range, or the folder holds another run.
    """

    def __init__(
        self,
        settings: TeacherSettings,
        source: LabelledSource,
        classes: tuple[SegmentationClass, ...],
        run_dir: Path,
        *,
        workers: int = 1,
    ) -> None:
        settings.check()
        self.settings = settings
        self.classes = classes
        self.run_dir = run_dir
        self.step = 0
        self.losses: list[float] = []
        self._source = source
        self._workers = workers
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._network = _build(settings, len(classes))
        self._preprocess = Preprocessing(self._network.mean, self._network.standard_deviation)
        self._network.to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._preprocess.to(self._device)
        self._auxiliary = AuxiliaryClassifiers(self._network.channels, len(classes))
        self._auxiliary.to(self._device)
        self._optimiser = _make_optimiser(self._network, self._auxiliary, settings)
        self._rates = [group["lr"] for group in self._optimiser.param_groups]
        self._weights: torch.Tensor | None = None
        if (run_dir / PROGRESS_FILE).exists():
            self._load_progress()

    @property
    def finished(self) -> bool:
        """Whether every step is done."""
        return self.step == self.settings.steps

    def run(
        self,
        *,
        save_every: int,
        validate: Callable[[Teacher], object],
        validate_every: int,
        on_step: Callable[[float, float], None],
    ) -> None:
        """Take the steps that are left; save progress and at the end the teacher.

        Args:
            save_every: steps between two saves of progress.
            validate: called with the network in evaluation mode.
            validate_every: steps between two such calls.
            on_step: called after each step with its loss and the learning rate.
        """
        if self.finished and (self.run_dir / TEACHER_FILE).exists():
            return
        if self.settings.balance:
            weights = class_weights(self._source, len(self.classes))
            self._weights = torch.from_numpy(weights).to(self._device)
        self._network.train()
        for images, labels in self._batches():
            loss, rate = self._take_step(images.to(self._device), labels.to(self._device))
            self.losses.append(loss)
            self.step += 1
            if self.step % save_every == 0 or self.finished:
                self._save_progress()
            on_step(loss, rate)
            if self.step % validate_every == 0 and not self.finished:
                validate(self._network.eval())
                self._network.train()
        self._network.to("cpu", memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        save_teacher(self.run_dir / TEACHER_FILE, self._checkpoint())

    def _take_step(self, images: torch.Tensor, labels: torch.Tensor) -> tuple[float, float]:
        settings = self.settings
        decay = (1.0 - self.step / settings.steps) ** POLY_POWER
        for group, rate in zip(self._optimiser.param_groups, self._rates, strict=True):
            group["lr"] = rate * decay
        # Dropout's chance too comes from the step's number alone.
        torch.manual_seed(settings.seed * settings.steps + self.step)
        features = self._network(self._preprocess(images).contiguous(
            memory_format=torch.channels_last
        ))  # fmt: skip
        stride = settings.loss_stride
        judged = labels[:, stride // 2 :: stride, stride // 2 :: stride]
        loss = segmentation_loss(features["o"], judged, self._weights)
        if settings.auxiliary_weight > 0:
            inner = self._auxiliary.loss(features, labels, self._weights)
            loss = loss + settings.auxiliary_weight * inner
        self._optimiser.zero_grad()
        loss.backward()
        self._optimiser.step()
        value = loss.item()
        if not np.isfinite(value):
            raise UsageError(
                f"the loss is {value} at step {self.step}; lower --learning-rate "
                f"(it was {settings.learning_rate:g}) and start in a new folder"
            )
        return value, settings.learning_rate * decay

    def _batches(self) -> Iterator[Batch]:
        settings = self.settings
        views = RandomViews(
            self._source,
            (settings.crop_height, settings.crop_width),
            settings.seed,
            zoom=settings.zoom,
        )
        positions = range(self.step * settings.batch, settings.steps * settings.batch)
        return views.batches(positions, settings.batch, self._workers)

    def _checkpoint(self) -> TeacherCheckpoint:
        settings = self.settings
        return TeacherCheckpoint(
            self._network,
            settings.architecture,
            settings.width,
            self.classes,
            f"{settings.data}, {settings.steps} steps, seed {settings.seed}",
        )

    def _save_progress(self) -> None:
        save_atomically(
            self.run_dir / PROGRESS_FILE,
            {
                "settings": asdict(self.settings),
                "classes": [c.name for c in self.classes],
                "step": self.step,
                "losses": self.losses,
                "network": self._network.state_dict(),
                "auxiliary": self._auxiliary.state_dict(),
                "optimiser": self._optimiser.state_dict(),
            },
        )

    def _load_progress(self) -> None:
        path = self.run_dir / PROGRESS_FILE
        progress = torch.load(path, map_location="cpu", weights_only=True)
        wanted = {**asdict(self.settings), "classes": [c.name for c in self.classes]}
        # A run that was begun before a setting existed has it at its default.
        defaults = {f.name: f.default for f in fields(self.settings) if f.default is not MISSING}
        found = {**defaults, **progress["settings"], "classes": progress["classes"]}
        differing = [
            f"{name} {found.get(name)!r}, now {value!r}"
            for name, value in wanted.items()
            if found.get(name) != value
        ]
        if differing:
            raise UsageError(
                f"{self.run_dir} holds another run: {'; '.join(differing)}. Give the same "
                "settings to resume it, or another --out"
            )
        self.step = progress["step"]
        self.losses = progress["losses"]
        self._network.load_state_dict(progress["network"])
        self._auxiliary.load_state_dict(progress["auxiliary"])
        self._optimiser.load_state_dict(progress["optimiser"])


def write_report(training: TeacherTraining, validation: dict[str, Any] | None) -> None:
    """Write report.json: settings, losses of every step, and mIoU where it was measured."""
    content = {
        "settings": asdict(training.settings),
        "validation": validation,
        "losses": [round(loss, 5) for loss in training.losses],
    }
    path = training.run_dir / REPORT_FILE
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def finished_teacher(training: TeacherTraining) -> Teacher:
    """Load the teacher that a finished run left."""
    return load_teacher(training.run_dir / TEACHER_FILE).network


def _build(settings: TeacherSettings, classes: int) -> SegmentationNetwork:
    torch.manual_seed(settings.seed)
    try:
        network = build_teacher(
            settings.architecture,
            classes,
            width=settings.width,
            pretrained=settings.pretrained,
            output_stride=settings.output_stride,
        )
    except ValueError as error:
        raise UsageError(str(error)) from error
    if settings.backbone_weights is not None:
        _load_backbone(network, Path(settings.backbone_weights))
    return network


def _load_backbone(network: SegmentationNetwork, path: Path) -> None:
    if not path.is_file():
        raise UsageError(f"backbone weights {path} do not exist")
    state = torch.load(path, map_location="cpu", weights_only=True)
    try:
        network.encoder.load_public(state)
    except (RuntimeError, ValueError, KeyError) as error:
        raise UsageError(f"{path} does not fit the backbone: {error}") from error


def _make_optimiser(
    network: SegmentationNetwork, auxiliary: AuxiliaryClassifiers, settings: TeacherSettings
) -> torch.optim.Optimizer:
    backbone = list(network.encoder.parameters())
    in_backbone = {id(parameter) for parameter in backbone}
    head = [p for p in network.parameters() if id(p) not in in_backbone]
    head += list(auxiliary.parameters())
    groups = [
        {"params": backbone, "lr": settings.learning_rate * settings.backbone_rate},
        {"params": head, "lr": settings.learning_rate},
    ]
    decay = settings.weight_decay
    if settings.optimiser == "sgd":
        return torch.optim.SGD(groups, momentum=0.9, weight_decay=decay)
    return torch.optim.AdamW(groups, weight_decay=decay)
