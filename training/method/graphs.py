# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The three modules that become the bundle's three ONNX graphs."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own customary name)
from torch import nn

from training.layers import (
    GENERALIST,
    GUIDE,
    LAST_HIDDEN,
    NOTHING,
    OUTPUT,
    bank_of,
    is_generalist_layer,
    student_layer,
)
from training.method import memory, student
from training.method.consensus import BackwardMap, backward_score
from training.method.generalist import layer_slices, on_grid, split_layers
from training.method.guided_filter import guided
from training.method.preprocessing import Preprocessing
from training.method.ridge_student import RidgeStudent
from training.method.standardisation import ClassStatistics, standardise
from training.method.student import Student
from training.method.tensor_ops import smoothed
from training.teachers.interface import Teacher

AnyStudent = Student | RidgeStudent


@dataclass(frozen=True)
class FittedStudent:
    """What AuxCon compares the teacher with.

    Attributes:
        network: frozen, on the CPU.
        backward: layer of the teacher to the map that explains the generalist by it; empty for a
            student that was trained from scratch, and for the paper's one way.
    """

    network: AnyStudent
    backward: Mapping[str, BackwardMap] = field(default_factory=dict)


CLASS_ID = "class_id"

_WHITE = 255.0


class TeacherGraph(nn.Module):
    """image uint8 [1, h, w, 3] BGR to the teacher's features and class ids.

    Class ids come at the stride of `lh`, where the scores do. So does the picture itself, the
    guide, where it is wanted: float32 [1, 3, h_lh, w_lh] RGB, 0..1.

    Args:
        network: the teacher.
        layers: which features come out.
        size: (height, width) of the network input in pixels.
        with_guide: whether the guide comes out.
    """

    def __init__(
        self,
        network: Teacher,
        layers: tuple[str, ...],
        size: tuple[int, int],
        *,
        with_guide: bool = False,
    ) -> None:
        super().__init__()
        self.preprocessing = Preprocessing(network.mean, network.standard_deviation, size)
        self.network = network
        self.layers = layers
        self.with_guide = with_guide
        self.output_names = (*layers, *((GUIDE,) if with_guide else ()), CLASS_ID)

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the outputs of `output_names` for an image, uint8 [1, h, w, 3] BGR."""
        pixels = self.preprocessing.resized(image)
        features = self.network(self.preprocessing.normalised(pixels))
        logits, grid = features[OUTPUT], features[LAST_HIDDEN].shape[2:]
        if logits.shape[2:] != grid:
            logits = F.interpolate(logits, size=grid, mode="bilinear", align_corners=False)
        class_id = logits.argmax(dim=1).to(torch.uint8)
        guide = (_guide(pixels, grid),) if self.with_guide else ()
        return (*(features[layer] for layer in self.layers), *guide, class_id)


def _guide(pixels: torch.Tensor, grid: torch.Size) -> torch.Tensor:
    """Bring pixels float32 [1, 3, H, W], 0..255, to the grid of the scores, 0..1."""
    if pixels.shape[2:] != grid:
        pixels = F.interpolate(
            pixels, size=grid, mode="bilinear", align_corners=False, antialias=True
        )
    return pixels / _WHITE


class StudentGraph(nn.Module):
    """image uint8 [1, h, w, 3] BGR to the student's view of the evaluation layers.

    A student on a frozen generalist can give the generalist's own features too: all layers side
    by side on one grid, and single layers for a memory that has a finer grid.

    Args:
        network: the student.
        layers: L_e of Eq. 7.
        size: (height, width) of the network input in pixels, unless the generalist has its own.
        with_generalist: whether the generalist's features come out.
        remembered: `generalist_<layer>` of each layer that comes out by itself.
        memory_grid: (height, width) that these are pooled to where they are finer.
    """

    def __init__(
        self,
        network: AnyStudent,
        layers: tuple[str, ...],
        size: tuple[int, int],
        *,
        with_generalist: bool = False,
        remembered: tuple[str, ...] = (),
        memory_grid: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        self.preprocessing = Preprocessing(
            network.mean, network.standard_deviation, network.input_size or size
        )
        self.network = network
        self.layers = layers
        self.with_generalist = with_generalist
        self.remembered = remembered
        self.memory_grid = memory_grid
        self.output_names = (
            *(student_layer(layer) for layer in layers),
            *((GENERALIST,) if with_generalist else ()),
            *remembered,
        )

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the outputs of `output_names` for an image, uint8 [1, h, w, 3] BGR."""
        x = self.preprocessing(image)
        if not isinstance(self.network, RidgeStudent):
            views = self.network(x)
            return tuple(views[layer] for layer in self.layers)
        generalist = self.network.generalist
        by_layer = generalist.by_layer(x)
        features = generalist.side_by_side(by_layer)
        views = self.network.views(features)
        remembered = memory.pooled(
            {layer: by_layer[layer] for layer in self.remembered}, self.memory_grid
        )
        return (
            *(views[layer] for layer in self.layers),
            *((features,) if self.with_generalist else ()),
            *remembered.values(),
        )


@dataclass(frozen=True)
class Consensus:
    """What the memory graph does with the generalist's features.

    Attributes:
        channels: layer of the generalist to its number of channels, in order.
        backward: layer of the teacher to the map that explains the generalist by it; the layer
            NOTHING for the distance to the normal frames alone; empty for the paper's one way.
        power: of each backward score in the product that is AuxCon.
    """

    channels: Mapping[str, int]
    backward: Mapping[str, BackwardMap]
    power: float = 1.0


class MemoryGraph(nn.Module):
    """Features of both networks and the banks to Gamma, Psi and Upsilon.

    Each layer is scored at its own resolution and its score, not its features, is brought to
    the stride of `lh` (the paper does not say where): C times less to interpolate.

    Psi is Eq. 7 to a power, times the backward scores to another (training/method/consensus.py);
    with the power 1 and no backward scores it is the paper's.

    Args:
        layers: L of Eq. 4; `generalist_<layer>` among them is a layer of the generalist.
        evaluation_layers: L_e of Eq. 7.
        statistics: standardise MulMem per predicted class; None leaves it as it is.
        pooled: MulMem reads all layers of the teacher on the grid of the coarsest, as the banks
            were made.
        memory_grid: (height, width); with `pooled`, layers of both networks that are finer are
            read on this grid and the others on their own. None: as `pooled` says.
        layer_powers: layer to the power of its score in Eq. 4; 1 for the others, as in the paper.
        smoothing: standard deviation, in places of `lh`, of the Gaussian that CosMe's score is
            averaged by; 0 leaves it as it is.
        guided: radius in places of `lh` and epsilon of the guided filter that makes CosMe's score
            follow the picture's edges, after any smoothing; None leaves it as it is.
        auxcon_power: of Eq. 7 in Psi; 1 in the paper. 0.5 makes distances of Eq. 6's squares.
        consensus: what the generalist's features are for; None where there are none.
    """

    output_names = ("mulmem", "auxcon", "score")

    def __init__(
        self,
        layers: tuple[str, ...],
        evaluation_layers: tuple[str, ...],
        statistics: ClassStatistics | None,
        *,
        pooled: bool,
        memory_grid: tuple[int, int] | None = None,
        layer_powers: Mapping[str, float] | None = None,
        smoothing: float = 0.0,
        guided: tuple[int, float] | None = None,
        auxcon_power: float = 1.0,
        consensus: Consensus | None = None,
    ) -> None:
        super().__init__()
        self.smoothing = smoothing
        self.guided = guided
        self.auxcon_power = auxcon_power
        self.layers = layers
        self.pooled = pooled
        self.memory_grid = memory_grid
        self.layer_powers = dict(layer_powers or {})
        self.evaluation_layers = evaluation_layers
        self.standardised = statistics is not None
        self.class_mean: torch.Tensor
        self.class_deviation: torch.Tensor
        if statistics is not None:
            self.register_buffer("class_mean", statistics.mean)
            self.register_buffer("class_deviation", statistics.deviation)
        self.places = layer_slices(consensus.channels) if consensus is not None else {}
        self.teacher_layers = tuple(layer for layer in layers if not is_generalist_layer(layer))
        of_generalist = tuple(layer for layer in layers if is_generalist_layer(layer))
        self.single_layers = of_generalist if memory_grid is not None else ()
        """Of the generalist, that are read by themselves and not out of its one map."""
        self.backward_layers = tuple(consensus.backward) if consensus is not None else ()
        self.backward_power = consensus.power if consensus is not None else 1.0
        for layer, fitted in (consensus.backward if consensus is not None else {}).items():
            self.register_buffer(f"{layer}_of_generalist", fitted.of_generalist)
            self.register_buffer(f"{layer}_of_teacher", fitted.of_teacher)
            self.register_buffer(f"{layer}_offset", fitted.offset)
        explaining = tuple(layer for layer in self.backward_layers if layer != NOTHING)
        self.features = tuple(
            dict.fromkeys((*self.teacher_layers, *evaluation_layers, *explaining, LAST_HIDDEN))
        )
        """The teacher's layers that are read."""
        self.reads_generalist = bool(
            self.backward_layers or len(of_generalist) > len(self.single_layers)
        )
        self.input_names = (
            *self.features,
            *(student_layer(layer) for layer in evaluation_layers),
            *((GENERALIST,) if self.reads_generalist else ()),
            *self.single_layers,
            *((GUIDE,) if guided is not None else ()),
            *(bank_of(layer) for layer in layers),
            *((CLASS_ID,) if self.standardised else ()),
        )

    def forward(self, *tensors: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Scores at the stride of `lh`, float32 [1, 1, h, w] each, >= 0."""
        by_name = dict(zip(self.input_names, tensors, strict=True))
        mulmem = self.mulmem(by_name)
        if self.standardised:
            statistics = ClassStatistics(self.class_mean, self.class_deviation)
            mulmem = standardise(mulmem, by_name[CLASS_ID], statistics)
        auxcon = self.auxcon(by_name)
        score = mulmem * auxcon
        if self.smoothing > 0:
            score = smoothed(score, self.smoothing)
        if self.guided is not None:
            score = guided(score, by_name[GUIDE], *self.guided)
        return mulmem, auxcon, score

    def mulmem(self, tensors: dict[str, torch.Tensor]) -> torch.Tensor:
        """Gamma of Eq. 4, before any standardisation, at the stride of `lh`."""
        grid = tensors[LAST_HIDDEN].shape[2:]
        scores = self.layer_mulmem(tensors)
        if not scores:
            return torch.ones_like(tensors[LAST_HIDDEN][:, :1])
        return _product(list(scores.values()), grid)

    def auxcon(self, tensors: dict[str, torch.Tensor]) -> torch.Tensor:
        """Psi, both ways, at the stride of `lh`."""
        grid = tensors[LAST_HIDDEN].shape[2:]
        factors = []
        forward = list(self.forward_scores(tensors).values())
        if forward:
            factors.append(_to_power(_product(forward, grid), self.auxcon_power))
        for score in self.backward_scores(tensors).values():
            factors.append(_to_power(score, self.backward_power))
        return _product(factors, grid)

    def layer_mulmem(self, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Return gamma of Eq. 3 by layer, to its power, each on the grid of its bank."""
        features = {layer: tensors[layer] for layer in self.teacher_layers}
        if self.pooled and features:
            features = memory.pooled(features, self.memory_grid)
        features |= {layer: tensors[layer] for layer in self.single_layers}
        remembered = {x: place for x, place in self.places.items() if x in self.layers}
        if remembered and not self.single_layers:
            features |= split_layers(tensors[GENERALIST], remembered)
        return {
            layer: _to_power(
                memory.layer_score(features[layer], tensors[bank_of(layer)]),
                self.layer_powers.get(layer, 1.0),
            )
            for layer in self.layers
        }

    def forward_scores(self, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Return psi of Eq. 6 by evaluation layer, each on the teacher's grid."""
        return {
            layer: student.layer_score(tensors[layer], tensors[student_layer(layer)])
            for layer in self.evaluation_layers
        }

    def backward_scores(self, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Return what each layer of the teacher leaves unexplained, on the generalist's grid."""
        scores = {}
        for layer in self.backward_layers:
            generalist = tensors[GENERALIST]
            explaining = None if layer == NOTHING else on_grid(tensors[layer], generalist.shape[2:])
            scores[layer] = backward_score(generalist, explaining, self._backward_map(layer))
        return scores

    def _backward_map(self, layer: str) -> BackwardMap:
        return BackwardMap(
            self.get_buffer(f"{layer}_of_generalist"),
            self.get_buffer(f"{layer}_of_teacher"),
            self.get_buffer(f"{layer}_offset"),
        )


def _to_power(score: torch.Tensor, power: float) -> torch.Tensor:
    return score if power == 1.0 else score.pow(power)


def _product(scores: list[torch.Tensor], size: torch.Size) -> torch.Tensor:
    """Eq. 4 and 7: the product over layers, at one size."""
    product = None
    for score in scores:
        if score.shape[2:] != size:
            score = F.interpolate(score, size=size, mode="bilinear", align_corners=False)
        product = score if product is None else product * score
    assert product is not None
    return product
