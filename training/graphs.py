"""The three modules that become the bundle's three ONNX graphs."""

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own customary name)
from torch import nn

from training import memory, student
from training.layers import LAST_HIDDEN, OUTPUT, bank_of, student_layer
from training.preprocessing import Preprocessing
from training.smoothing import smoothed
from training.standardisation import ClassStatistics, standardise
from training.students import AnyStudent
from training.teachers import Teacher

CLASS_ID = "class_id"


class TeacherGraph(nn.Module):
    """image uint8 [1, h, w, 3] BGR to the teacher's features and class ids.

    Class ids come at the stride of `lh`, where the scores do.

    Args:
        network: the teacher.
        layers: which features come out.
        size: (height, width) of the network input in pixels.
    """

    def __init__(self, network: Teacher, layers: tuple[str, ...], size: tuple[int, int]) -> None:
        super().__init__()
        self.preprocessing = Preprocessing(network.mean, network.standard_deviation, size)
        self.network = network
        self.layers = layers
        self.output_names = (*layers, CLASS_ID)

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, ...]:
        features = self.network(self.preprocessing(image))
        logits, grid = features[OUTPUT], features[LAST_HIDDEN].shape[2:]
        if logits.shape[2:] != grid:
            logits = F.interpolate(logits, size=grid, mode="bilinear", align_corners=False)
        class_id = logits.argmax(dim=1).to(torch.uint8)
        return (*(features[layer] for layer in self.layers), class_id)


class StudentGraph(nn.Module):
    """image uint8 [1, h, w, 3] BGR to the student's view of the evaluation layers."""

    def __init__(self, network: AnyStudent, layers: tuple[str, ...], size: tuple[int, int]) -> None:
        super().__init__()
        self.preprocessing = Preprocessing(network.mean, network.standard_deviation, size)
        self.network = network
        self.layers = layers
        self.output_names = tuple(student_layer(layer) for layer in layers)

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, ...]:
        views = self.network(self.preprocessing(image))
        return tuple(views[layer] for layer in self.layers)


class MemoryGraph(nn.Module):
    """Features of both networks and the banks to Gamma, Psi and Upsilon.

    Each layer is scored at its own resolution and its score, not its features, is brought to
    the stride of `lh` (the paper does not say where): C times less to interpolate.

    Args:
        layers: L of Eq. 4.
        evaluation_layers: L_e of Eq. 7.
        statistics: standardise MulMem per predicted class; None leaves it as it is.
        pooled: MulMem reads all layers on the grid of the coarsest, as the banks were made.
        smoothing: standard deviation, in places of `lh`, of the Gaussian that CosMe's score is
            averaged by; 0 leaves it as it is.
        auxcon_power: of Psi in the product of Eq. 8; 1 in the paper. 0.5 makes distances of
            Eq. 6's squares.
    """

    output_names = ("mulmem", "auxcon", "score")

    def __init__(
        self,
        layers: tuple[str, ...],
        evaluation_layers: tuple[str, ...],
        statistics: ClassStatistics | None,
        *,
        pooled: bool,
        smoothing: float = 0.0,
        auxcon_power: float = 1.0,
    ) -> None:
        super().__init__()
        self.smoothing = smoothing
        self.auxcon_power = auxcon_power
        self.layers = layers
        self.pooled = pooled
        self.evaluation_layers = evaluation_layers
        self.standardised = statistics is not None
        self.class_mean: torch.Tensor
        self.class_deviation: torch.Tensor
        if statistics is not None:
            self.register_buffer("class_mean", statistics.mean)
            self.register_buffer("class_deviation", statistics.deviation)
        self.features = tuple(dict.fromkeys((*layers, *evaluation_layers, LAST_HIDDEN)))
        """The teacher's layers that are read."""
        self.input_names = (
            *self.features,
            *(student_layer(layer) for layer in evaluation_layers),
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
        auxcon = _product(
            [
                student.layer_score(by_name[layer], by_name[student_layer(layer)])
                for layer in self.evaluation_layers
            ],
            by_name[LAST_HIDDEN].shape[2:],
        )
        weighed = auxcon if self.auxcon_power == 1.0 else auxcon.pow(self.auxcon_power)
        score = mulmem * weighed
        if self.smoothing > 0:
            score = smoothed(score, self.smoothing)
        return mulmem, auxcon, score

    def mulmem(self, tensors: dict[str, torch.Tensor]) -> torch.Tensor:
        """Gamma of Eq. 4, before any standardisation, at the stride of `lh`."""
        features = {layer: tensors[layer] for layer in self.layers}
        if self.pooled:
            features = memory.pooled(features)
        return _product(
            [memory.layer_score(x, tensors[bank_of(layer)]) for layer, x in features.items()],
            tensors[LAST_HIDDEN].shape[2:],
        )


def _product(scores: list[torch.Tensor], size: torch.Size) -> torch.Tensor:
    """Eq. 4 and 7: the product over layers, at one size."""
    product = None
    for score in scores:
        if score.shape[2:] != size:
            score = F.interpolate(score, size=size, mode="bilinear", align_corners=False)
        product = score if product is None else product * score
    assert product is not None
    return product
