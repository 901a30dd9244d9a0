# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What the repository ships: demo/bundle and demo/bag."""

from pathlib import Path

import numpy as np
import pytest

from cosme_ros import topics
from cosme_ros.bags.reading import read_frames
from cosme_ros.bundle.loading import load_bundle
from cosme_ros.inference.detector import Detector
from cosme_ros.inference.provider_settings import PROVIDERS
from cosme_ros.inference.providers import ProviderError

DEMO = Path(__file__).parents[2] / "demo"
MAPS = ("score", "mulmem", "auxcon")


@pytest.fixture(scope="module")
def frames():
    return list(read_frames(DEMO / "bag", topics.CAMERA_IMAGE, topics.CAMERA_LABELS))


def test_together_they_are_small() -> None:
    total = sum(path.stat().st_size for path in DEMO.rglob("*") if path.is_file())
    assert total <= 28_500_000


def test_bag_is_labelled_and_partly_normal(frames) -> None:
    assert len(frames) >= 96
    assert all(frame.image.shape == (360, 640, 3) for frame in frames)
    assert all(set(np.unique(frame.label)) <= {0, 1} for frame in frames)
    anomalous = sum(bool(frame.label.any()) for frame in frames)
    assert 0.4 * len(frames) < anomalous < 0.8 * len(frames)


def test_bundle_was_checked_against_pytorch_on_ten_frames() -> None:
    parity = load_bundle(DEMO / "bundle").manifest["parity"]
    assert parity["frames"] == 10
    assert {*MAPS, "class_id"} <= set(parity["relative_error"])
    assert max(parity["relative_error"].values()) <= parity["tolerance"]


@pytest.mark.parametrize("provider", [p for p in PROVIDERS if p != "cpu"])
def test_every_provider_installed_agrees_with_the_cpu(frames, provider: str) -> None:
    bundle = load_bundle(DEMO / "bundle")
    try:
        detector = Detector(bundle, provider=provider)
    except ProviderError as error:
        pytest.skip(f"{provider}: {error}")
    reference = Detector(bundle, provider="cpu")
    for frame in frames[::10]:
        found, wanted = detector.detect(frame.image), reference.detect(frame.image)
        for name in MAPS:
            largest = getattr(wanted, name).max()
            error = np.abs(getattr(found, name) - getattr(wanted, name)).max() / largest
            # Providers may compute in half precision, where 1 - cosine keeps two digits or so.
            assert error <= 0.05, name
