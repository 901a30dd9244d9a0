# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What decides the result of a teacher's training."""

from dataclasses import dataclass

from training.errors import UsageError


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
        loss_stride: 1 judges every pixel of the window; 4, the stride of the logits, every fourth
            in both directions, which on a CPU takes a third off a small network's step.
        zoom: largest factor by which a window is enlarged or made smaller; at least 1.
        auxiliary_weight: of the losses of classifiers on c4 and c5; 0 does without.
        output_stride: of c5, 8 or 16.
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
    loss_stride: int = 1
    zoom: float = 2.0
    auxiliary_weight: float = 0.0
    output_stride: int = 16

    def check(self) -> None:
        """Refuse what cannot be trained with.

        Raises:
            UsageError: a setting is out of range; the message names it.
        """
        if min(self.crop_height, self.crop_width) < 32:
            raise UsageError(
                f"crop is {self.crop_height}x{self.crop_width}; both at least 32 pixels"
            )
        if self.batch < 2:
            raise UsageError(f"batch is {self.batch}; batch normalisation needs at least 2")
        if self.steps < 1:
            raise UsageError(f"steps is {self.steps}; at least 1")
        if self.zoom < 1:
            raise UsageError(f"zoom is {self.zoom}; at least 1")
        if self.learning_rate <= 0:
            raise UsageError(f"learning rate is {self.learning_rate}; above 0")
