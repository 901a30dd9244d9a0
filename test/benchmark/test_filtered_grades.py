# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The runner that filters the score of a bundle without the filter."""

import json
from pathlib import Path

import filtered_grades
import numpy as np
import pytest
from helpers.tiny_bundle import street_frame, write_tiny_bundle

from training.export.graph_runner import GraphRunner


@pytest.fixture
def image():
    return street_frame(96, 160, box=(60, 50, 24, 16), seed=1)


def with_smoothing(folder: Path, smoothing: float) -> Path:
    bundle = write_tiny_bundle(folder / "bundle")
    path = bundle / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["method"]["smoothing"] = smoothing
    path.write_text(json.dumps(manifest), encoding="utf-8")
    return bundle


def both_runs(bundle: Path, image: np.ndarray) -> tuple[dict, dict]:
    plain, filtered = GraphRunner(bundle), filtered_grades.FilteredRunner(bundle)
    return plain.run(image), filtered.run(image)


def test_the_score_is_the_filtered_product_and_the_maps_stay(tmp_path, image):
    bundle = with_smoothing(tmp_path, 8.0)
    plain, filtered = both_runs(bundle, image)
    for name in ("mulmem", "auxcon"):
        np.testing.assert_array_equal(plain[name], filtered[name])
    product = plain["mulmem"] * plain["auxcon"]
    assert filtered["score"].shape == product.shape
    assert np.abs(filtered["score"] - product).max() > 1e-3 * product.max()
    # What is the same everywhere stays as it is.
    flat = np.full_like(image, 128)
    constant = filtered_grades.FilteredRunner(bundle).run(flat)
    np.testing.assert_allclose(
        constant["score"], constant["mulmem"] * constant["auxcon"], rtol=1e-3, atol=1e-6
    )
    assert (filtered["score"] >= 0).all()


def test_the_papers_method_stays_without_the_filter(tmp_path, image):
    bundle = with_smoothing(tmp_path, 0.0)
    plain, same = both_runs(bundle, image)
    np.testing.assert_array_equal(plain["score"], same["score"])
