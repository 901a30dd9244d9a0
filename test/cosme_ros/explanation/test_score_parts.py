# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The parts against the graph: what is computed again is what memory.onnx made."""

import numpy as np
import pytest
from helpers.tiny_bundle import street_frame, write_tiny_bundle

from cosme_ros.bundle.loading import load_bundle
from cosme_ros.explanation.score_parts import (
    BACKWARD,
    CONSENSUS,
    FORWARD,
    MEMORY,
    parts_of,
    samples_of,
    score_parts,
)
from cosme_ros.inference.detector import Detector

STREET = street_frame(90, 160, box=(70, 60, 20, 15))


@pytest.fixture(scope="module", params=["tiny", "demo"])
def detector(request, tmp_path_factory):
    folder = "demo/bundle"
    if request.param == "tiny":
        folder = write_tiny_bundle(tmp_path_factory.mktemp("bundle"))
    return Detector(load_bundle(folder), provider="cpu", false_positive_rate=0.01)


def test_forward_is_the_graphs_auxcon_where_nothing_goes_backward(detector):
    assert parts_of(detector.bundle.manifest) == (MEMORY, FORWARD)
    grids = detector.detect(STREET).grids
    parts = score_parts(detector.bundle.manifest, grids, detector.network_outputs(STREET))
    assert list(parts) == [MEMORY, FORWARD]
    np.testing.assert_array_equal(parts[MEMORY], grids["mulmem"])
    # Sums of hundreds of channels in float32, in another order.
    np.testing.assert_allclose(parts[FORWARD], grids["auxcon"], rtol=2e-4, atol=1e-6)


def test_backward_is_what_is_left_of_auxcon(detector):
    grids = detector.detect(STREET).grids
    outputs = detector.network_outputs(STREET)
    manifest = {**detector.bundle.manifest}
    manifest["method"] = {**manifest["method"], "backward_layers": ["c4"]}
    both = {**grids, "auxcon": grids["auxcon"] * np.float32(3)}
    parts = score_parts(manifest, both, outputs)
    assert list(parts) == [MEMORY, FORWARD, BACKWARD]
    np.testing.assert_allclose(parts[BACKWARD], 3.0, rtol=1e-3)
    assert list(samples_of(manifest, both, outputs)) == [MEMORY, FORWARD, BACKWARD, CONSENSUS]
    assert CONSENSUS not in samples_of(detector.bundle.manifest, grids, outputs)


def test_a_bundle_without_banks_has_no_memory_part():
    assert parts_of({"method": {"layers": [], "evaluation_layers": ["c4"]}}) == (FORWARD,)
    only_back = {"layers": [], "evaluation_layers": [], "backward_layers": ["nothing"]}
    assert parts_of({"method": only_back}) == (BACKWARD,)
