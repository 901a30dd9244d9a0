# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""From frames to a closed-form student, cut off and gone on with."""

import signal
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from training.compute import Compute  # noqa: E402
from training.datasets.normal_frames import FitFrames  # noqa: E402
from training.datasets.readers.class_list import SegmentationClass  # noqa: E402
from training.errors import UsageError  # noqa: E402
from training.fitting.ridge_student import build_generalist, fit_closed_form  # noqa: E402
from training.fitting.settings import RidgeSettings  # noqa: E402
from training.fitting.suitability import explained_variance  # noqa: E402
from training.method.ridge_student import RidgeStudent  # noqa: E402
from training.teachers.checkpoint import TeacherCheckpoint, save_teacher  # noqa: E402
from training.teachers.factory import build_teacher  # noqa: E402
from training.teachers.interface import Teacher  # noqa: E402

CLASSES = (SegmentationClass("a", (0, 0, 0), False), SegmentationClass("b", (1, 1, 1), True))
SIZE = (64, 96)
FRAMES = 6


class Noise:
    """Frames of coloured patches."""

    def __len__(self) -> int:
        return FRAMES

    def __getitem__(self, index: int) -> np.ndarray:
        small = np.random.default_rng(index).integers(0, 255, (8, 12, 3), dtype=np.uint8)
        return small.repeat(8, axis=0).repeat(8, axis=1)


@pytest.fixture
def frames() -> FitFrames:
    return FitFrames(Noise(), np.arange(FRAMES), SIZE)


def fitted(
    teacher: Teacher, frames: FitFrames, settings: RidgeSettings, state: Path
) -> RidgeStudent:
    fabric = Compute(accelerator="cpu").launch()
    generalist = build_generalist(teacher, frames, settings)
    return fit_closed_form(
        teacher, generalist, frames, settings, state, fabric=fabric, save_every=2
    ).network


def network(seed: int) -> Teacher:
    torch.manual_seed(seed)
    built = build_teacher("deeplabv3plus_resnet18", len(CLASSES), width=0.125)
    return built.requires_grad_(False).eval()


@pytest.fixture
def settings(tmp_path: Path) -> RidgeSettings:
    path = tmp_path / "other.pt"
    save_teacher(
        path, TeacherCheckpoint(network(1), "deeplabv3plus_resnet18", 0.125, CLASSES, "nothing")
    )
    return RidgeSettings(weights=str(path), penalty=1e-6)


def test_the_generalist_can_be_moved(frames: FitFrames, settings: RidgeSettings) -> None:
    """To a GPU, say. What is made in inference mode cannot be used there after it was moved."""
    generalist = build_generalist(network(0), frames, settings).double()
    with torch.inference_mode():
        generalist(torch.zeros(1, 3, *SIZE, dtype=torch.float64))


def test_explains_what_follows_from_its_backbone(
    frames: FitFrames, settings: RidgeSettings, tmp_path: Path
) -> None:
    # A teacher on the very backbone: its layers are the student's inputs themselves.
    same = fitted(network(1), frames, settings, tmp_path / "same.pt")
    assert min(explained_variance(network(1), same, frames).values()) > 0.999
    # On another backbone there is something that does not follow.
    other = fitted(network(2), frames, settings, tmp_path / "other_state.pt")
    shares = explained_variance(network(2), other, frames)
    assert set(shares) == {"c4", "c5"}
    assert all(share < 0.999 for share in shares.values())


def test_cut_off_and_gone_on_with_is_the_same(
    frames: FitFrames, settings: RidgeSettings, tmp_path: Path
) -> None:
    whole = fitted(network(2), frames, settings, tmp_path / "whole.pt")
    state = tmp_path / "cut.pt"

    class Cut(FitFrames):
        def __getitem__(self, index: int) -> np.ndarray:
            if index == 5:
                raise KeyboardInterrupt
            return super().__getitem__(index)

    with pytest.raises(KeyboardInterrupt):
        fitted(network(2), Cut(Noise(), np.arange(FRAMES), SIZE), settings, state)
    assert torch.load(state, weights_only=True)["frames"] == 4
    resumed = fitted(network(2), frames, settings, state)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_ctrl_c_saves_the_frame_it_is_at(
    frames: FitFrames, settings: RidgeSettings, tmp_path: Path
) -> None:
    whole = fitted(network(2), frames, settings, tmp_path / "whole.pt")
    state = tmp_path / "cut.pt"

    class Pressed(FitFrames):
        def __getitem__(self, index: int) -> np.ndarray:
            if index == 4:
                signal.raise_signal(signal.SIGINT)
            return super().__getitem__(index)

    with pytest.raises(KeyboardInterrupt):
        fitted(network(2), Pressed(Noise(), np.arange(FRAMES), SIZE), settings, state)
    assert torch.load(state, weights_only=True)["frames"] == 5
    resumed = fitted(network(2), frames, settings, state)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_backbone_without_weights_is_refused(frames: FitFrames, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no ImageNet weights for resnet50"):
        fitted(network(1), frames, RidgeSettings(backbone="resnet50"), tmp_path / "s.pt")
    absent = RidgeSettings(weights=str(tmp_path / "absent.pt"))
    with pytest.raises(UsageError, match=r"absent\.pt do not exist"):
        fitted(network(1), frames, absent, tmp_path / "s.pt")
