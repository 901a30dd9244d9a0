# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""A bundle of a network that is not this package's runs in the node as any other."""

import numpy as np
import pytest

pytest.importorskip("torch")

from helpers import any_network_bundle

from cosme_ros.bundle.loading import load_bundle
from cosme_ros.inference.detector import Detector


def test_node_publishes_the_detectors_score(start, tmp_path):
    any_network_bundle.write_inputs(tmp_path)
    result, bundle = any_network_bundle.fit(tmp_path)
    assert result.exit_code == 0, result.output
    image = any_network_bundle.random_image(1)
    rate = any_network_bundle.FALSE_POSITIVE_RATE
    detector = Detector(load_bundle(bundle), provider="cpu", false_positive_rate=rate)
    expected = detector.detect(image).score
    _, camera = start(bundle=bundle, false_positive_rate=rate)
    camera.listen("score")
    _, (score,) = camera.ask(lambda: camera.image(image), "score")
    assert (score.height, score.width, score.encoding) == (120, 200, "32FC1")
    assert np.frombuffer(score.data, "<f4").tobytes() == expected.tobytes()
