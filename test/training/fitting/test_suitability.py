# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Suitability of frames: figures against plain arithmetic."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from cosme_ros.postprocessing.static_mask import StaticMask  # noqa: E402
from training.datasets.normal_frames import FitFrames  # noqa: E402
from training.fitting.suitability import (  # noqa: E402
    Suitability,
    explained_variance,
    measure_suitability,
)

SIZE = (4, 6)


class ColourTeacher(torch.nn.Module):
    """Its features are its input's channels; its logits, three times those."""

    mean = (0.0, 0.0, 0.0)
    standard_deviation = (1.0, 1.0, 1.0)

    def __init__(self) -> None:
        super().__init__()
        self.sharpness = torch.nn.Parameter(torch.tensor(3.0))

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"c5": x, "o": self.sharpness * x}


class Plain:
    """Every pixel of a frame has the frame's colour (BGR)."""

    def __init__(self, *colours: tuple[int, int, int]) -> None:
        self._colours = colours

    def __len__(self) -> int:
        return len(self._colours)

    def __getitem__(self, index: int) -> np.ndarray:
        return np.full((*SIZE, 3), self._colours[index], np.uint8)


def frames(*colours: tuple[int, int, int]) -> FitFrames:
    return FitFrames(Plain(*colours), np.arange(len(colours)), SIZE)


def test_figures_are_those_of_the_definitions() -> None:
    # RGB features: red [1, 0, 0], half green [0, 0.5, 0]; two prototypes, blue never seen.
    banks = {"c5": torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])}
    fitted, held_out = frames((0, 0, 255)), frames((0, 0, 255), (0, 127, 0))
    found = measure_suitability(ColourTeacher(), banks, fitted, held_out, pooled=True)
    green = 127 / 255
    sure = np.exp(3) / (np.exp(3) + 2)
    unsure = np.exp(3 * green) / (np.exp(3 * green) + 2)
    assert found.confidence == pytest.approx((sure + unsure) / 2, rel=1e-6)
    assert found.similarity["c5"] == pytest.approx(0.5, abs=1e-6)
    assert found.similarity_gap["c5"] == pytest.approx(0.5, abs=1e-6)
    assert found.norm_ratio["c5"] == pytest.approx((1 + green) / 2, rel=1e-6)
    assert found.dead_prototypes["c5"] == pytest.approx(0.5)


def test_what_a_static_mask_hides_is_not_measured() -> None:
    """The lower half of the frames is of a colour that nothing remembers, and is hidden."""

    class HalfBlue(Plain):
        def __getitem__(self, index: int) -> np.ndarray:
            frame = super().__getitem__(index)
            frame[2:] = (255, 0, 0)
            return frame

    banks = {"c5": torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])}
    mask = StaticMask(np.arange(SIZE[0])[:, np.newaxis].repeat(SIZE[1], axis=1) < 2)
    colours = ((0, 0, 255), (0, 127, 0))

    def half_blue(static_mask: StaticMask | None) -> FitFrames:
        return FitFrames(HalfBlue(*colours), np.arange(2), SIZE, static_mask=static_mask)

    def measured(of: FitFrames) -> Suitability:
        return measure_suitability(ColourTeacher(), banks, of, of, pooled=False)

    clean = measured(frames(*colours))
    assert measured(half_blue(mask)) == clean
    assert measured(half_blue(None)) != clean


def test_variance_under_a_static_mask_is_not_explained() -> None:
    class Student(ColourTeacher):
        """Right in the upper half only."""

        layers, input_size = ("c5",), None

        def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
            view = x.clone()
            view[:, :, 2:] += 0.5
            return {"c5": view}

    colours = ((0, 0, 255), (0, 127, 0))
    mask = StaticMask(np.arange(SIZE[0])[:, np.newaxis].repeat(SIZE[1], axis=1) < 2)
    masked = FitFrames(Plain(*colours), np.arange(2), SIZE, static_mask=mask)
    assert explained_variance(ColourTeacher(), Student(), masked) == {"c5": 1.0}
    assert explained_variance(ColourTeacher(), Student(), frames(*colours))["c5"] < 0.5
