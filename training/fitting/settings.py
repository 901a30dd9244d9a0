# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What decides the result of a fit. No torch here: `fit --help` reads its defaults from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cosme_ros.messages.image_orientation import ImageOrientation
from training.layers import EVALUATION_LAYERS, MEMORY_LAYERS, NOTHING, SUPERVISED_LAYERS
from training.method.guided_settings import GuidedFilter

SAVE_EVERY = 100
"""Steps between two saves of progress; decides nothing but what a kill costs."""


@dataclass(frozen=True)
class MemorySettings:
    """How MulMem's banks are made. Of these the paper gives L and tau (section 4.2) alone.

    Attributes:
        layers: L of Eq. 4.
        pooled: all layers are read on the grid of the coarsest.
        stride: in pixels of the network input; layers of both networks that are finer are pooled
            to it, and the others are read as they are. None: as `pooled` says.
        prototypes: K for each layer.
        similarity_threshold: tau of Algorithm 1, in -1..1.
        layer_thresholds: layer to its own tau; a layer whose features are all alike fills its
            bank at a higher one only.
        layer_powers: layer to the power of its score in Eq. 4; 1 for the others.
        momentum: m of Eq. 2, in 0..1.
        epochs: passes of Algorithm 2 over the frames.
        batch: frames a step of Algorithm 2.
        seed: of every random choice.
    """

    layers: tuple[str, ...] = MEMORY_LAYERS
    pooled: bool = True
    prototypes: int = 512
    similarity_threshold: float = 0.85
    momentum: float = 0.9
    epochs: int = 1
    batch: int = 4
    seed: int = 0
    layer_thresholds: Mapping[str, float] = field(default_factory=dict)
    stride: int | None = None
    layer_powers: Mapping[str, float] = field(default_factory=dict)

    def threshold_of(self, layer: str) -> float:
        """Return tau of a layer."""
        return self.layer_thresholds.get(layer, self.similarity_threshold)

    def grid(self, size: tuple[int, int]) -> tuple[int, int] | None:
        """Return the grid of `stride` for an input (height, width); None without a stride.

        >>> MemorySettings(stride=8).grid((360, 636))
        (45, 80)
        """
        if self.stride is None:
            return None
        return -(-size[0] // self.stride), -(-size[1] // self.stride)


@dataclass(frozen=True)
class StudentSettings:
    """How the student is trained; none of it but Eq. 5 and L_s is in the paper.

    Attributes:
        architecture: one of training.teachers.ARCHITECTURES.
        width: factor on its channels.
        layers: L_s of Eq. 5.
        steps: of the optimiser.
        batch: crops a step.
        crop_height, crop_width: in pixels of the network input.
        learning_rate: of Adam at the start; falls to zero along a cosine.
        workers: processes that prepare batches.
        seed: of weights and batches.
    """

    architecture: str
    width: float = 1.0
    layers: tuple[str, ...] = SUPERVISED_LAYERS
    steps: int = 10_000
    batch: int = 8
    crop_height: int = 256
    crop_width: int = 384
    learning_rate: float = 2e-3
    workers: int = 1
    seed: int = 0


@dataclass(frozen=True)
class RidgeSettings:
    """How the closed-form student and the way back from the teacher are fitted.

    Attributes:
        backbone: the generalist: one of RIDGE_BACKBONES, or any module as FILE_OR_MODULE:FUNCTION.
        weights: file of its weights, or None for those of a package (or the module's own).
        size: (height, width) in pixels of its input; None: the teacher's.
        backbone_layers: of the backbone, that are used; None: all of them.
        module_layers: of a module: `c4=path,c5=path`, the layers that are read; None otherwise.
        normalization: of a module's input, as `--normalization` takes it.
        layers: of the teacher, that the student imitates.
        penalty: of the student's ridge regression, relative to the variance of its inputs.
        backward_layers: of the teacher, that explain the generalist, each by itself; NOTHING for
            the generalist alone; none for the paper's one way.
        backward_penalty: of that ridge regression, relative to the variance of its standardised
            inputs.
    """

    backbone: str = "efficientnet_lite2"
    weights: str | None = None
    size: tuple[int, int] | None = None
    backbone_layers: tuple[str, ...] | None = None
    module_layers: str | None = None
    normalization: str = "imagenet"
    layers: tuple[str, ...] = ("c4", "c5")
    penalty: float = 1.0
    backward_layers: tuple[str, ...] = ()
    backward_penalty: float = 1e-3

    @property
    def compared_layers(self) -> tuple[str, ...]:
        """Return the teacher's layers that either way needs."""
        wanted = dict.fromkeys((*self.layers, *self.backward_layers))
        return tuple(layer for layer in wanted if layer != NOTHING)


@dataclass(frozen=True)
class FitSettings:
    """Everything that decides what a bundle becomes.

    Attributes:
        size: (height, width) of the network input in pixels.
        memory: MulMem.
        student: AuxCon.
        evaluation_layers: L_e of Eq. 7.
        smoothing: standard deviation of the Gaussian that CosMe's score is averaged by, in pixels
            of the network input; 0 leaves it as it is.
        guided: makes CosMe's score follow the picture's edges; None leaves it as it is.
        auxcon_power: of Eq. 7 in the product of Eq. 8, > 0; 1 in the paper.
        backward_power: of each backward score in that product, > 0.
        half_weights: store the networks' weights in float16, which halves the bundle's size.
        prototype_pictures: store a small picture a prototype, for explanations.
        standardised: standardise MulMem per predicted class.
        calibration_share: of the frames, held out of fitting.
        most_frames: use at most this many frames; None uses all.
        static_mask: PNG of what the camera looks at (white), as its images come; None: all of the
            frame.
        image_rotation: degrees clockwise by which the camera's images were turned to be upright.
        image_flip: how they were mirrored then, as in ImageOrientation.
    """

    size: tuple[int, int]
    memory: MemorySettings
    student: StudentSettings | RidgeSettings
    evaluation_layers: tuple[str, ...] = EVALUATION_LAYERS
    smoothing: float = 0.0
    guided: GuidedFilter | None = None
    auxcon_power: float = 1.0
    backward_power: float = 1.0
    half_weights: bool = False
    prototype_pictures: bool = False
    standardised: bool = False
    calibration_share: float = 0.2
    most_frames: int | None = None
    static_mask: str | None = None
    image_rotation: int = 0
    image_flip: str = "none"

    @property
    def orientation(self) -> ImageOrientation:
        """Return how the camera's images become upright."""
        return ImageOrientation(self.image_rotation, self.image_flip)
