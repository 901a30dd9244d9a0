# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Trains a segmentation teacher; stopped at any moment, it goes on where it was."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, asdict, fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric.loggers import Logger, TensorBoardLogger
from numpy.typing import NDArray
from torch import nn
from tqdm import tqdm

from cosme_ros.atomic_files import write_atomically
from training.compute import (
    ALONE,
    Compute,
    batch_share,
    interrupted_somewhere,
    load_progress,
    mean_over_ranks,
    pool_batch_statistics,
    step_seed,
)
from training.datasets.interface import LabelledSource
from training.datasets.readers.class_list import SegmentationClass
from training.errors import UsageError
from training.interrupts import deferred_interrupt
from training.method.preprocessing import Preprocessing
from training.run_logs import finish
from training.segmentation.auxiliary_classifiers import AuxiliaryClassifiers, auxiliary_loss
from training.segmentation.loss import class_weights, segmentation_loss
from training.segmentation.settings import TeacherSettings
from training.segmentation.windows import Batch, RandomViews
from training.teachers.backbones import load_public_weights, read_backbone_weights
from training.teachers.checkpoint import TeacherCheckpoint, save_teacher
from training.teachers.factory import SegmentationNetwork, build_teacher
from training.teachers.interface import Teacher

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
        workers: processes that prepare data, for each that trains; does not change the result.
        compute: where to train. All processes must see `run_dir`; the first writes.
        loggers: get loss and learning rate of every step, and every validation.

    Raises:
        UsageError: a setting is out of range, the folder holds another run, or the processes
            cannot share a batch.
    """

    def __init__(
        self,
        settings: TeacherSettings,
        source: LabelledSource,
        classes: tuple[SegmentationClass, ...],
        run_dir: Path,
        *,
        workers: int = 1,
        compute: Compute = ALONE,
        loggers: Sequence[Logger] = (),
    ) -> None:
        settings.check()
        self.settings = settings
        self.classes = classes
        self.run_dir = run_dir
        self.step = 0
        self.losses: list[float] = []
        self._source = source
        self._workers = workers
        self._precision = compute.precision
        self._fabric = compute.launch(loggers)
        self._share = batch_share(self._fabric, settings.batch)
        self._network = _build(settings, len(classes))
        self._preprocess = Preprocessing(self._network.mean, self._network.standard_deviation)
        self._preprocess.to(self._fabric.device)
        self._network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._auxiliary = AuxiliaryClassifiers(self._network.channels, len(classes))
        self._optimiser = _make_optimiser(self._network, self._auxiliary, settings)
        self._rates = [group["lr"] for group in self._optimiser.param_groups]
        self._judged, self._learner = self._fabric.setup(
            _Judged(
                pool_batch_statistics(self._network, self._fabric),
                self._auxiliary if settings.auxiliary_weight > 0 else None,
            ),
            self._optimiser,
        )
        self._weights: torch.Tensor | None = None
        self._load_progress()

    @property
    def leads(self) -> bool:
        """Return whether this is the process that writes and reports."""
        return bool(self._fabric.is_global_zero)

    @property
    def finished(self) -> bool:
        """Return whether every step is done."""
        return self.step == self.settings.steps

    def run(
        self,
        *,
        save_every: int,
        validate: Callable[[Teacher], Mapping[str, Any] | None] | None = None,
        validate_every: int = 1,
    ) -> None:
        """Take the steps that are left; save progress and at the end the teacher.

        Args:
            save_every: steps between two saves of progress.
            validate: called with the network in evaluation mode, in the first process alone; None
                for nothing.
            validate_every: steps between two such calls.
        """
        if self.finished and (self.run_dir / TEACHER_FILE).exists():
            return
        if self.settings.balance:
            weights = class_weights(self._source, len(self.classes))
            self._weights = torch.from_numpy(weights).to(self._fabric.device)
        self._judged.train()
        recent = 0.0
        bar = tqdm(
            total=self.settings.steps,
            initial=self.step,
            unit="step",
            desc=self.run_dir.name,
            smoothing=0.05,
            disable=not self.leads,
        )
        with bar, deferred_interrupt() as interrupt:
            for images, labels in self._batches():
                device = self._fabric.device
                loss, rate = self._take_step(images.to(device), labels.to(device))
                self.losses.append(loss)
                self.step += 1
                ended = interrupted_somewhere(self._fabric, interrupt)
                if self.step % save_every == 0 or self.finished or ended:
                    self._save_progress()
                self._fabric.log_dict({"loss": loss, "learning_rate": rate}, self.step)
                recent = loss if recent == 0.0 else 0.95 * recent + 0.05 * loss
                bar.set_postfix(loss=f"{recent:.3f}", rate=f"{rate:.1e}", refresh=False)
                bar.update()
                if ended:
                    break
                due = self.step % validate_every == 0 and not self.finished and self.leads
                if due and validate is not None:
                    self.log_validation(validate(self._network.eval()))
                    self._judged.train()
        finish(self._fabric)
        self._network.to("cpu", memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        if self.leads:
            settings = self.settings
            trained_on = f"{settings.data}, {settings.steps} steps, seed {settings.seed}"
            teacher = TeacherCheckpoint(
                self._network, settings.architecture, settings.width, self.classes, trained_on
            )
            save_teacher(self.run_dir / TEACHER_FILE, teacher)

    def log_validation(self, result: Mapping[str, Any] | None) -> None:
        """Log what `mean_iou` returns; None where nothing was measured."""
        if result is None:
            return
        by_class = {f"iou/{name}": iou for name, iou in result["iou"].items() if iou is not None}
        self._fabric.log_dict({"miou": result["miou"], **by_class}, self.step)
        finish(self._fabric)

    def log_picture(self, name: str, picture: NDArray[np.uint8]) -> None:
        """Log a picture, uint8 [H, W, 3] BGR, where TensorBoard logs."""
        for logger in self._fabric.loggers:
            if isinstance(logger, TensorBoardLogger):
                rgb = np.ascontiguousarray(picture[..., ::-1])
                logger.experiment.add_image(name, rgb, self.step, dataformats="HWC")

    def _take_step(self, images: torch.Tensor, labels: torch.Tensor) -> tuple[float, float]:
        settings = self.settings
        decay = (1.0 - self.step / settings.steps) ** POLY_POWER
        for group, rate in zip(self._optimiser.param_groups, self._rates, strict=True):
            group["lr"] = rate * decay
        # Dropout's chance too comes from the step's number alone.
        torch.manual_seed(step_seed(self._fabric, settings.seed * settings.steps + self.step))
        logits = self._judged(self._preprocess(images).contiguous(
            memory_format=torch.channels_last
        ))  # fmt: skip
        stride = settings.loss_stride
        judged = labels[:, stride // 2 :: stride, stride // 2 :: stride]
        over_ranks = partial(mean_over_ranks, self._fabric)
        loss = segmentation_loss(logits["o"], judged, self._weights, over_ranks)
        if settings.auxiliary_weight > 0:
            inner = auxiliary_loss(logits, labels, self._weights, over_ranks)
            loss = loss + settings.auxiliary_weight * inner
        self._optimiser.zero_grad()
        self._fabric.backward(loss)
        self._learner.step()
        value = over_ranks(loss).item()
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
        positions = [
            step * settings.batch + place
            for step in range(self.step, settings.steps)
            for place in self._share
        ]
        return views.batches(positions, len(self._share), self._workers)

    def _save_progress(self) -> None:
        self._fabric.save(
            self.run_dir / PROGRESS_FILE,
            {
                "settings": asdict(self.settings),
                "classes": [c.name for c in self.classes],
                "precision": self._precision,
                "step": self.step,
                "losses": self.losses,
                "network": self._network.state_dict(),
                "auxiliary": self._auxiliary.state_dict(),
                "optimiser": self._optimiser.state_dict(),
                "loss_scale": self._fabric.strategy.precision.state_dict(),
            },
        )

    def _load_progress(self) -> None:
        progress = load_progress(
            self._fabric,
            self.run_dir / PROGRESS_FILE,
            *("settings", "classes", "step", "losses", "network", "auxiliary", "optimiser"),
        )
        if progress is None:
            return
        names = [c.name for c in self.classes]
        wanted = {**asdict(self.settings), "classes": names, "precision": self._precision}
        # A run that was begun before a setting existed has it at its default.
        found = {f.name: f.default for f in fields(self.settings) if f.default is not MISSING}
        found |= {**progress["settings"], "classes": progress["classes"]}
        found["precision"] = progress.get("precision", Compute.precision)
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
        self._fabric.strategy.precision.load_state_dict(progress.get("loss_scale", {}))


class _Judged(nn.Module):
    """All that is trained as one module, because processes average the gradients of a module."""

    def __init__(self, network: nn.Module, auxiliary: AuxiliaryClassifiers | None) -> None:
        super().__init__()
        self.network = network
        self.auxiliary = auxiliary

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the logits of images float32 [N, 3, H, W]: `o`, and auxiliary ones by layer."""
        features = self.network(x)
        inner = {} if self.auxiliary is None else self.auxiliary(features)
        return {"o": features["o"], **inner}


def write_report(training: TeacherTraining, validation: dict[str, Any] | None) -> None:
    """Write report.json: settings, losses of every step, and mIoU where it was measured."""
    content = {
        "settings": asdict(training.settings),
        "validation": validation,
        "losses": [round(loss, 5) for loss in training.losses],
    }
    path = training.run_dir / REPORT_FILE
    write_atomically(path, json.dumps(content, indent=1) + "\n")


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
        path = Path(settings.backbone_weights)
        load_public_weights(network.encoder, read_backbone_weights(path), path)
    return network


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
