# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest

from cosme_ros.explanation.part_reference import SHARES, PartReference, PartSamples, part_reference

RECORD = {"shares": [0.5, 0.1, 0.01], "values": {"memory": [1.0, 10.0, 100.0]}}


def test_rarity_is_read_between_the_rows_on_logarithmic_axes():
    reference = PartReference(RECORD)
    assert reference.rarity("memory", 10.0) == pytest.approx(0.1)
    assert reference.rarity("memory", np.sqrt(1000)) == pytest.approx(np.sqrt(0.001))
    assert reference.rarity("memory", 0.0) == 0.5
    assert reference.rarity("memory", 1e9) == pytest.approx(0.01)


def test_excess_is_over_the_middle():
    reference = PartReference(RECORD)
    assert reference.excess("memory", np.e) == pytest.approx(1.0)
    assert reference.excess("memory", 0.1) < 0


def test_an_unknown_part_is_unknown():
    reference = PartReference(RECORD)
    assert reference.rarity("forward consensus", 1.0) is None
    assert reference.excess("forward consensus", 1.0) == 0
    assert part_reference({"frames": 1}) is None


def test_the_record_of_samples_has_their_quantiles():
    samples = PartSamples()
    for _ in range(40):
        samples.add({"memory": np.linspace(0, 1, 10_000, dtype=np.float32).reshape(100, 100)})
    record = samples.record()
    assert record is not None
    shares = record["shares"]
    assert shares == [share for share in SHARES if share * 40 * 500 >= 10]
    np.testing.assert_allclose(record["values"]["memory"][:4], [0.5, 0.8, 0.9, 0.95], atol=0.02)
    assert sorted(record["values"]["memory"]) == record["values"]["memory"]
    assert PartReference(record).rarity("memory", 0.9) == pytest.approx(0.1, rel=0.2)


def test_what_is_not_looked_at_is_no_sample():
    samples = PartSamples()
    looked_at = np.zeros((10, 10), bool)
    looked_at[:5] = True
    grid = np.where(looked_at, 1.0, 99.0).astype(np.float32)
    samples.add({"memory": grid}, looked_at)
    record = samples.record()
    assert record is not None and set(record["values"]["memory"]) == {1.0}


def test_of_nothing_there_is_no_record():
    assert PartSamples().record() is None
    few = PartSamples()
    few.add({"memory": np.ones((2, 2), np.float32)})
    assert few.record() is None
