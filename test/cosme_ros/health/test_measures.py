# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What a frame measures: conditions move it, an obstacle does not."""

import cv2
import numpy as np
import pytest
from helpers.tiny_bundle import street_frame

from cosme_ros.health.measures import MEASURES, frame_measures
from cosme_ros.postprocessing.static_mask import StaticMask

SIZE = (180, 320)
NAMES = [measure.name for measure in MEASURES]
STREET = street_frame(*SIZE, seed=3)
GRID = np.linspace(1.0, 2.0, 45 * 80, dtype=np.float32).reshape(45, 80)
MAPS = {"mulmem": GRID, "auxcon": 10 * GRID}


def measured(image=STREET, maps=MAPS, **options):
    values = frame_measures(image, maps, input_size=SIZE, **options)
    assert values.dtype == np.float64 and np.isfinite(values).all()
    return dict(zip(NAMES, values, strict=True))


def test_scores_are_lower_quartiles_of_logarithms():
    values = measured()
    assert values["memory distance"] == pytest.approx(np.log(np.quantile(GRID, 0.25)))
    assert values["consensus distance"] == pytest.approx(np.log(np.quantile(10 * GRID, 0.25)))


def test_an_anomaly_over_half_of_the_image_does_not_move_the_scores_far():
    odd = GRID.copy()
    odd[:, :40] *= 1000
    moved = measured(maps={"mulmem": odd, "auxcon": odd})["memory distance"]
    assert moved - measured()["memory distance"] < np.log(2)


def test_the_scores_of_a_blank_map_are_finite():
    nothing = np.zeros_like(GRID)
    assert measured(maps={"mulmem": nothing, "auxcon": nothing})["memory distance"] < -20


def test_without_maps_the_image_alone_is_measured():
    values = dict(zip(NAMES, frame_measures(STREET, {}, input_size=SIZE), strict=True))
    whole = measured()
    for name in ("memory distance", "consensus distance"):
        assert np.isnan(values.pop(name))
        whole.pop(name)
    assert values == whole


def test_blur_lowers_sharpness_and_noise_raises_it():
    sharp = measured()["sharpness"]
    assert measured(cv2.GaussianBlur(STREET, (0, 0), 3))["sharpness"] < sharp - 0.5
    noise = np.random.default_rng(0).normal(0, 25, STREET.shape)
    noisy = np.clip(STREET + noise, 0, 255).astype(np.uint8)
    assert measured(noisy)["sharpness"] > sharp + 0.5


def test_exposure():
    grey = np.full((*SIZE, 3), 80, np.uint8)
    grey[:, :80] = 255
    values = measured(grey)
    assert values["saturated share"] == 0.25
    assert values["brightness"] == pytest.approx(0.75 * 80 + 0.25 * 255)
    assert measured((STREET * 0.2).astype(np.uint8))["brightness"] < 0.3 * measured()["brightness"]


def test_a_white_sky_is_saturated_and_no_fog():
    """It is smooth whatever the air is like; fog makes the street below it smooth too."""
    sky = STREET.copy()
    sky[:80] = 255  # four of nine rows of tiles
    below = measured(STREET, static_mask=StaticMask(np.arange(180)[:, None] >= np.full(320, 80)))
    values = measured(sky)
    assert values["saturated share"] == pytest.approx(4 / 9, abs=0.01)
    # The tile below the border has the border's edge, and that alone.
    for name in ("sharpness", "texture", "contrast"):
        assert values[name] == pytest.approx(below[name], abs=0.1), name
    foggy = sky.copy()
    foggy[80:] = 200 + (sky[80:] * 0.1).astype(np.uint8)
    assert measured(foggy)["texture"] < values["texture"] - 0.3


def test_an_image_that_is_white_nearly_everywhere_is_smooth():
    white = np.full((*SIZE, 3), 255, np.uint8)
    white[160:] = STREET[160:]
    assert measured(white)["texture"] < measured()["texture"] - 1


@pytest.mark.parametrize("scale", [2, 3])
def test_a_larger_camera_measures_the_same(scale):
    """Nearest enlargement is undone exactly by averaging."""
    large = np.kron(STREET, np.ones((scale, scale, 1), np.uint8))
    for name, value in measured(large).items():
        assert value == pytest.approx(measured()[name], abs=1e-6), name


def test_what_the_static_mask_hides_is_not_measured():
    looked_at = np.ones(SIZE, bool)
    looked_at[:, 160:] = False
    mask = StaticMask(looked_at)
    spoilt, maps = STREET.copy(), {name: grid.copy() for name, grid in MAPS.items()}
    spoilt[:, 180:] = 255  # the border of a tile apart
    for grid in maps.values():
        grid[:, 40:] = 1e6
    before = measured(static_mask=mask)
    for name, value in measured(spoilt, maps, static_mask=mask).items():
        assert value == pytest.approx(before[name], abs=1e-6), name


def test_names_are_unique_and_each_measure_means_something():
    assert len(set(NAMES)) == len(NAMES)
    assert all(measure.low or measure.high for measure in MEASURES)
