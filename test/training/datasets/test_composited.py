# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Painted things on real frames: on the road, in proportion, and marked where they are."""

import numpy as np
import pytest

from training.datasets.composited import CompositedAnomalies
from training.datasets.painting import ANOMALY
from training.datasets.readers.class_list import SegmentationClass
from training.datasets.readers.label_map import IGNORE
from training.datasets.registry import open_dataset
from training.errors import UsageError

CLASSES = (SegmentationClass("sky", (0, 0, 0), False), SegmentationClass("road", (1, 1, 1), True))
HEIGHT, WIDTH, HORIZON = 180, 320, 80
GREY = 120


class Road:
    """Grey frames: sky above the horizon, road below, a strip on the left unlabelled."""

    @property
    def images(self) -> "Road":
        raise NotImplementedError("labels are needed to know where the road is")

    def frame_name(self, index: int) -> str:
        return f"road_{index}"

    def __len__(self) -> int:
        return 12

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        class_id = np.zeros((HEIGHT, WIDTH), np.uint8)
        class_id[HORIZON:] = 1
        class_id[:, :20] = IGNORE
        return np.full((HEIGHT, WIDTH, 3), GREY, np.uint8), class_id


class NoRoad(Road):
    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        image, class_id = super().__getitem__(index)
        return image, np.zeros_like(class_id)


def frames(seed: int = 0) -> list[tuple[np.ndarray, np.ndarray]]:
    source = CompositedAnomalies(Road(), CLASSES, seed)
    return [source[index] for index in range(len(source))]


def test_every_frame_has_an_anomaly_and_nothing_else_changes_much() -> None:
    for image, label in frames():
        assert set(np.unique(label)) == {0, ANOMALY, IGNORE}
        anomalous = label == ANOMALY
        changed = np.abs(image.astype(int) - GREY).max(axis=2)
        assert np.median(changed[anomalous]) > 15
        # Only the shade under it and its softened edge are changed beside it.
        assert np.mean(changed[label == 0] > 0) < 0.15


def test_images_and_names_are_those_of_the_frames() -> None:
    source = CompositedAnomalies(Road(), CLASSES, 0)
    np.testing.assert_array_equal(source.images[2], source[2][0])
    assert (len(source.images), source.frame_name(2)) == (12, "road_2")


def test_opens_by_its_spelling() -> None:
    dataset = open_dataset("composited:3:synthetic:1:2")
    assert (dataset.kind, dataset.name, len(dataset.source)) == (
        "anomalies", "synthetic_composited", 2,
    )  # fmt: skip
    assert (dataset.source[0][1] == ANOMALY).any()


@pytest.mark.parametrize("text", ["composited", "composited:0", "composited:x:synthetic:0"])
def test_half_a_spelling_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="composited:SEED:DATASET"):
        open_dataset(text)


def test_composites_on_anomalies_are_refused() -> None:
    with pytest.raises(UsageError, match="say where anomalies are"):
        open_dataset("composited:0:synthetic_anomalies:0")


def test_sky_far_above_the_road_stays_as_it_was() -> None:
    for image, _ in frames():
        assert (image[:10] == GREY).all()


def test_nearer_things_are_larger() -> None:
    sizes, feet = [], []
    for seed in range(8):
        for _, label in frames(seed):
            present = label == ANOMALY
            feet.append(np.flatnonzero(present.any(axis=1))[-1])
            sizes.append(np.sqrt(present.sum()))
    assert np.corrcoef(feet, sizes)[0, 1] > 0.5


def test_same_seed_same_frames_other_seed_others() -> None:
    (first, _), (again, _), (other, _) = frames(0)[3], frames(0)[3], frames(1)[3]
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_unlabelled_pixels_are_judged_only_where_a_thing_covers_them() -> None:
    for _, label in frames():
        strip = label[:, :20]
        assert set(np.unique(strip)) <= {IGNORE, ANOMALY}


def test_a_frame_without_road_stays_as_it_is() -> None:
    image, label = CompositedAnomalies(NoRoad(), CLASSES, 0)[0]
    assert (image == GREY).all()
    assert (label == 0).all()
