"""Trains a segmentation teacher; stopped at any moment, it goes on where it was."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (torch's own customary name)
from torch.utils.data import DataLoader, Dataset

from training.augmentation import random_view
from training.checkpoint import (
    SegmentationClass,
    TeacherCheckpoint,
    load_teacher,
    save_atomically,
    save_teacher,
)
from training.datasets.frames import LabelledSource
from training.datasets.label_map import IGNORE
from training.errors import UsageError
from training.preprocessing import Preprocessing
from training.segmentation_metrics import ConfusionMatrix
from training.teachers import DeepLabV3Plus, build_teacher

TEACHER_FILE = "teacher.pt"
PROGRESS_FILE = "progress.pt"
REPORT_FILE = "report.json"

POLY_POWER = 0.9
"""Of the learning-rate schedule (DeepLab, Chen et al., TPAMI 2018)."""

_SIZE_MULTIPLE = 16
_LABELS_TO_WEIGH = 200


@dataclass(frozen=True)
class TeacherSettings:
    """Everything that decides what a run computes; a run is resumed with the same only.

    Attributes:
        architecture: one of training.teachers.ARCHITECTURES.
        width: factor on the numbers of channels.
        pretrained: start the backbone from ImageNet weights.
        backbone_weights: file of a public backbone checkpoint, or None.
        crop_height, crop_width: of training windows, pixels, at least 32.
        batch: windows per step, at least 2 (batch normalisation).
        steps: of the optimiser.
        optimiser: adamw or sgd (momentum 0.9).
        learning_rate: at the first step; falls by the poly rule.
        backbone_rate: factor on the backbone's learning rate.
        weight_decay: of the optimiser.
        balance: weigh the loss of a class by 1 / ln(1.02 + its share of pixels) (ENet, Paszke
            et al. 2016).
        seed: of the weights, the order of data and every random view.
        data: what it is trained on, for the record.
    """

    architecture: str
    width: float
    pretrained: bool
    backbone_weights: str | None
    crop_height: int
    crop_width: int
    batch: int
    steps: int
    optimiser: str
    learning_rate: float
    backbone_rate: float
    weight_decay: float
    balance: bool
    seed: int
    data: str


class RandomViews(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Training windows by position: window `position` depends on (seed, position) alone.

    So the order does not depend on workers, and a resumed run sees what an unbroken one sees.

    Args:
        source: labelled frames.
        size: (height, width) of the windows, pixels.
        seed: of order and views.
    """

    def __init__(self, source: LabelledSource, size: tuple[int, int], seed: int) -> None:
        self._source = source
        self._size = size
        self._seed = seed
        self._epoch = -1
        self._order = np.empty(0, np.int64)

    def __getitem__(self, position: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return image uint8 [H, W, 3] BGR and class ids int64 [H, W], 255 = ignore."""
        epoch, place = divmod(position, len(self._source))
        if epoch != self._epoch:
            self._order = np.random.default_rng((self._seed, epoch)).permutation(len(self._source))
            self._epoch = epoch
        image, label = self._source[int(self._order[place])]
        rng = np.random.default_rng((self._seed, epoch, place))
        view, view_label = random_view(image, label, self._size, rng)
        return torch.from_numpy(view), torch.from_numpy(view_label.astype(np.int64))


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
        _check(settings)
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
        self._optimiser = _make_optimiser(self._network, settings)
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
        validate: Callable[[DeepLabV3Plus], object],
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
        logits = self._network(self._preprocess(images).contiguous(
            memory_format=torch.channels_last
        ))["o"]  # fmt: skip
        loss = segmentation_loss(logits, labels, self._weights)
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

    def _batches(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        settings = self.settings
        views = RandomViews(
            self._source, (settings.crop_height, settings.crop_width), settings.seed
        )
        positions = range(self.step * settings.batch, settings.steps * settings.batch)
        return iter(
            DataLoader(
                views,
                batch_size=settings.batch,
                sampler=positions,
                num_workers=self._workers,
                worker_init_fn=_start_worker,
                persistent_workers=False,
            )
        )

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
                "optimiser": self._optimiser.state_dict(),
            },
        )

    def _load_progress(self) -> None:
        path = self.run_dir / PROGRESS_FILE
        progress = torch.load(path, map_location="cpu", weights_only=True)
        wanted = {**asdict(self.settings), "classes": [c.name for c in self.classes]}
        found = {**progress["settings"], "classes": progress["classes"]}
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
        self._optimiser.load_state_dict(progress["optimiser"])


def segmentation_loss(
    logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor | None = None
) -> torch.Tensor:
    """Cross-entropy at the labels' resolution, averaged over the judged pixels.

    Args:
        logits: float32 [N, classes, h, w].
        labels: int64 [N, H, W], 255 = ignore.
        weights: float32 [classes], or None for 1 each.

    Returns:
        float32 scalar; 0 where every pixel is ignored.
    """
    logits = F.interpolate(logits, size=labels.shape[1:], mode="bilinear", align_corners=False)
    total = F.cross_entropy(logits, labels, weights, ignore_index=IGNORE, reduction="sum")
    judged = labels[labels != IGNORE]
    weight = weights[judged].sum() if weights is not None else judged.new_tensor(judged.numel())
    return total / weight.clamp(min=1)


def class_weights(source: LabelledSource, classes: int) -> np.ndarray:
    """1 / ln(1.02 + share of pixels) of each class, scaled to a mean of 1.

    The shares are counted on up to 200 frames spread evenly over `source`.

    Returns:
        float32 [classes].
    """
    counts = np.zeros(256, np.int64)
    numbers = np.linspace(0, len(source) - 1, min(len(source), _LABELS_TO_WEIGH)).round()
    for index in numbers.astype(int):
        counts += np.bincount(source[int(index)][1].reshape(-1), minlength=256)
    judged = counts[:classes]
    weights = 1.0 / np.log(1.02 + judged / max(1, judged.sum()))
    balanced: np.ndarray = (weights / weights.mean()).astype(np.float32)
    return balanced


@torch.inference_mode()
def mean_iou(
    network: DeepLabV3Plus,
    classes: tuple[SegmentationClass, ...],
    source: LabelledSource,
    on_frame: Callable[[], object],
) -> dict[str, Any]:
    """Mean intersection over union on labelled frames.

    Each frame goes in at its own size, rounded to a multiple of 16 pixels; logits are brought
    to the label's size, and every pixel but the ignored counts.

    Args:
        network: in evaluation mode.
        classes: names for the result.
        source: labelled frames.
        on_frame: called after each frame.

    Returns:
        `miou` (0..1), `iou` by class name (None for a class that does not occur) and `frames`.
    """
    device = next(network.parameters()).device
    matrix = ConfusionMatrix(len(classes))
    for index in range(len(source)):
        image, label = source[index]
        height, width = label.shape
        size = (_round_size(height), _round_size(width))
        preprocess = Preprocessing(network.mean, network.standard_deviation, size).to(device)
        logits = network(preprocess(torch.from_numpy(image)[None].to(device)))["o"]
        logits = F.interpolate(logits, size=label.shape, mode="bilinear", align_corners=False)
        matrix.add(label, logits.argmax(1)[0].to(torch.uint8).cpu().numpy())
        on_frame()
    scores = matrix.intersection_over_union()
    return {
        "miou": matrix.mean_intersection_over_union(),
        "iou": {
            c.name: None if np.isnan(score) else float(score)
            for c, score in zip(classes, scores, strict=True)
        },
        "frames": len(source),
    }


def write_report(training: TeacherTraining, validation: dict[str, Any] | None) -> None:
    """Write report.json: settings, losses of every step, and mIoU where it was measured."""
    content = {
        "settings": asdict(training.settings),
        "validation": validation,
        "losses": [round(loss, 5) for loss in training.losses],
    }
    path = training.run_dir / REPORT_FILE
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def finished_teacher(training: TeacherTraining) -> DeepLabV3Plus:
    """Load the teacher that a finished run left."""
    return load_teacher(training.run_dir / TEACHER_FILE).network


def _round_size(pixels: int) -> int:
    return max(2 * _SIZE_MULTIPLE, round(pixels / _SIZE_MULTIPLE) * _SIZE_MULTIPLE)


def _check(settings: TeacherSettings) -> None:
    if min(settings.crop_height, settings.crop_width) < 32:
        raise UsageError(
            f"crop is {settings.crop_height}x{settings.crop_width}; both at least 32 pixels"
        )
    if settings.batch < 2:
        raise UsageError(f"batch is {settings.batch}; batch normalisation needs at least 2")
    if settings.steps < 1:
        raise UsageError(f"steps is {settings.steps}; at least 1")
    if settings.learning_rate <= 0:
        raise UsageError(f"learning rate is {settings.learning_rate}; above 0")


def _build(settings: TeacherSettings, classes: int) -> DeepLabV3Plus:
    torch.manual_seed(settings.seed)
    try:
        network = build_teacher(
            settings.architecture, classes, width=settings.width, pretrained=settings.pretrained
        )
    except ValueError as error:
        raise UsageError(str(error)) from error
    if settings.backbone_weights is not None:
        _load_backbone(network, Path(settings.backbone_weights))
    return network


def _load_backbone(network: DeepLabV3Plus, path: Path) -> None:
    if not path.is_file():
        raise UsageError(f"backbone weights {path} do not exist")
    state = torch.load(path, map_location="cpu", weights_only=True)
    try:
        network.encoder.load_public(state)  # type: ignore[operator]
    except (RuntimeError, ValueError, KeyError) as error:
        raise UsageError(f"{path} does not fit the backbone: {error}") from error


def _make_optimiser(network: DeepLabV3Plus, settings: TeacherSettings) -> torch.optim.Optimizer:
    backbone = list(network.encoder.parameters())
    in_backbone = {id(parameter) for parameter in backbone}
    head = [p for p in network.parameters() if id(p) not in in_backbone]
    groups = [
        {"params": backbone, "lr": settings.learning_rate * settings.backbone_rate},
        {"params": head, "lr": settings.learning_rate},
    ]
    decay = settings.weight_decay
    if settings.optimiser == "sgd":
        return torch.optim.SGD(groups, momentum=0.9, weight_decay=decay)
    return torch.optim.AdamW(groups, weight_decay=decay)


def _start_worker(_: int) -> None:
    # A forked process must not wait for its parent's OpenCV threads.
    cv2.setNumThreads(0)
