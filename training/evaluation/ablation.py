"""Table 4 of the paper for a bundle: which layers are remembered, and which are compared."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (torch's own customary name)

from cosme_ros.metrics.anomaly_metrics import AnomalyHistogram, AnomalyMetrics
from training import memory, student
from training.datasets.registry import Dataset
from training.errors import UsageError
from training.evaluation.frame_scores import SAME_TEACHER, FrameScorer, to_size
from training.layers import LAST_HIDDEN, MEMORY_LAYERS, bank_of, student_layer
from training.preprocessing import Preprocessing
from training.published import EVALUATION_LAYER_SETS, MEMORY_LAYER_SETS
from training.student import Student

LayerSet = tuple[str, ...]


@dataclass(frozen=True)
class Ablation:
    """Both halves of the table; a row that could not be measured has its reason instead.

    Attributes:
        memory: L of Eq. 4 to the figures of MulMem alone.
        evaluation: L_e of Eq. 7 to the figures of CosMe.
        memory_layers: L of the lower half.
        frames: number of frames.
    """

    memory: dict[LayerSet, AnomalyMetrics | str]
    evaluation: dict[LayerSet, AnomalyMetrics | str]
    memory_layers: LayerSet
    frames: int


class LayerScores:
    """gamma of Eq. 3 and psi of Eq. 6 of single layers, at the stride of `lh`.

    As the bundle computes them, before any standardisation: that would be another one for each
    set of layers.

    Args:
        scorer: of the bundle, with its teacher.
        trained: the student with all layers it learned; without it only those in the bundle are
            compared.
        pooled: whether the bundle's banks are of pooled layers.
    """

    def __init__(self, scorer: FrameScorer, trained: Student | None, *, pooled: bool) -> None:
        self._scorer = scorer
        self._pooled = pooled
        self._trained = trained
        self._agrees = False
        self._preprocessing = (
            None
            if trained is None
            else Preprocessing(trained.mean, trained.standard_deviation, scorer.input_size)
        )

    @torch.inference_mode()
    def __call__(self, image: np.ndarray) -> tuple[dict[str, torch.Tensor], ...]:
        """Score one image uint8 [H, W, 3] BGR.

        Returns:
            gamma by layer with a bank, and psi by layer that the student knows; float32
            [1, 1, h, w] each.

        Raises:
            UsageError: the trained student is not the bundle's.
        """
        arrays = self._scorer.features(image)
        tensors = {name: torch.from_numpy(value) for name, value in arrays.items()}
        if self._trained is not None and self._preprocessing is not None:
            views = self._trained(self._preprocessing(torch.from_numpy(image)[None]))
            self._check(tensors, views)
            tensors |= {student_layer(layer): view for layer, view in views.items()}
        remembered = {layer: x for layer, x in tensors.items() if bank_of(layer) in tensors}
        if self._pooled:
            remembered = memory.pooled(remembered)
        compared = [layer for layer in tensors if student_layer(layer) in tensors]
        size = tensors[LAST_HIDDEN].shape[2:]
        gamma = {
            layer: _at(size, memory.layer_score(x, tensors[bank_of(layer)]))
            for layer, x in remembered.items()
        }
        psi = {
            layer: _at(size, student.layer_score(tensors[layer], tensors[student_layer(layer)]))
            for layer in compared
        }
        return gamma, psi

    def _check(self, tensors: dict[str, torch.Tensor], views: dict[str, torch.Tensor]) -> None:
        if self._agrees:
            return
        for layer, view in views.items():
            exported = tensors.get(student_layer(layer))
            if exported is None:
                continue
            difference = float((view - exported).abs().max())
            if not difference <= SAME_TEACHER * float(exported.abs().max()):
                raise UsageError(
                    f"the student that `fit` kept differs from the bundle's in {layer} by up to "
                    f"{difference:.3g}: they are of different runs"
                )
        self._agrees = True


def ablate(
    dataset: Dataset,
    scores: LayerScores,
    count: Callable[[str, Iterable[int]], Iterable[int]],
) -> Ablation:
    """Measure every row of Table 4 that the bundle's banks and student allow.

    Args:
        dataset: with labels 0 normal, 1 anomaly, 255 not judged.
        scores: of the bundle.
        count: given a title and the numbers of the frames, passes these on, for a progress bar.

    Raises:
        UsageError: labels are classes or of one kind only; no bank at all.
    """
    if dataset.kind != "anomalies":
        raise UsageError(
            f"{dataset.spelling} is labelled with classes; labels have to say what is an anomaly"
        )
    of_memory: dict[LayerSet, AnomalyHistogram] = {}
    of_evaluation: dict[LayerSet, AnomalyHistogram] = {}
    banks: set[str] = set()
    learned: set[str] = set()
    all_layers: LayerSet = ()
    frames = range(len(dataset.source))
    for index in count(dataset.name, frames):
        image, label = dataset.source[index]
        gamma, psi = scores(image)
        if index == 0:
            banks, learned = set(gamma), set(psi)
            all_layers = tuple(layer for layer in MEMORY_LAYERS if layer in banks) or tuple(gamma)
            of_memory = {s: AnomalyHistogram() for s in MEMORY_LAYER_SETS if banks >= set(s)}
            of_evaluation = {
                s: AnomalyHistogram() for s in EVALUATION_LAYER_SETS if learned >= set(s)
            }
        for layers, histogram in of_memory.items():
            _add(histogram, _product(gamma, layers), label)
        whole = _product(gamma, all_layers)
        for layers, histogram in of_evaluation.items():
            _add(histogram, whole * _product(psi, layers), label)
    try:
        return Ablation(
            {s: _row(of_memory.get(s), s, banks, "no bank of") for s in MEMORY_LAYER_SETS},
            {
                s: _row(of_evaluation.get(s), s, learned, "the student never learned")
                for s in EVALUATION_LAYER_SETS
            },
            all_layers,
            len(frames),
        )
    except ValueError as error:
        raise UsageError(f"the labels of {dataset.spelling} hold {error}") from error


def _add(histogram: AnomalyHistogram, score: torch.Tensor, label: np.ndarray) -> None:
    histogram.add(to_size(score[0, 0].numpy(), label.shape), label)


def _row(
    histogram: AnomalyHistogram | None, layers: LayerSet, there: set[str], why: str
) -> AnomalyMetrics | str:
    if histogram is not None:
        return histogram.result()
    return f"{why} {' and '.join(layer for layer in layers if layer not in there)}"


def _product(scores: dict[str, torch.Tensor], layers: LayerSet) -> torch.Tensor:
    """Eq. 4 and 7."""
    return torch.stack([scores[layer] for layer in layers]).prod(dim=0)


def _at(size: torch.Size, score: torch.Tensor) -> torch.Tensor:
    if score.shape[2:] == size:
        return score
    return F.interpolate(score, size=size, mode="bilinear", align_corners=False)
