# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Per-class statistics against plain means and deviations."""

import math

import pytest

torch = pytest.importorskip("torch")

from training.method.standardisation import (  # noqa: E402
    ClassStatistics,
    StatisticsAccumulator,
    standardise,
)


def test_statistics_are_means_and_deviations_per_class() -> None:
    generator = torch.Generator().manual_seed(0)
    accumulator = StatisticsAccumulator(3)
    pooled: dict[int, list[float]] = {0: [], 1: [], 2: []}
    for _ in range(3):
        score = torch.rand(1, 1, 4, 5, generator=generator)
        class_id = torch.randint(3, (1, 4, 5), generator=generator, dtype=torch.uint8)
        accumulator.add(score, class_id)
        for value, index in zip(score.flatten(), class_id.flatten(), strict=True):
            pooled[int(index)].append(float(value))
    statistics = accumulator.statistics(shrinkage_pixels=0)
    for index, values in pooled.items():
        mean = math.fsum(values) / len(values)
        variance = math.fsum((v - mean) ** 2 for v in values) / len(values)
        assert float(statistics.mean[index]) == pytest.approx(mean, rel=1e-6)
        assert float(statistics.deviation[index]) == pytest.approx(math.sqrt(variance), rel=1e-5)


def test_class_never_seen_gets_the_statistics_of_all() -> None:
    accumulator = StatisticsAccumulator(2)
    accumulator.add(torch.tensor([1.0, 3.0]).reshape(1, 1, 1, 2), torch.zeros(1, 1, 2).byte())
    statistics = accumulator.statistics()
    assert statistics.mean.tolist() == pytest.approx([2.0, 2.0])
    assert statistics.deviation.tolist() == pytest.approx([1.0, 1.0])


def test_standardised_score_keeps_order_within_a_class_and_is_positive() -> None:
    statistics = ClassStatistics(torch.tensor([0.5, 0.1]), torch.tensor([0.2, 0.1]))
    score = torch.linspace(0, 1, 11).reshape(1, 1, 1, 11)
    standardised = standardise(score, torch.zeros(1, 1, 11).byte(), statistics).flatten()
    assert (standardised.diff() > 0).all()
    assert (standardised > 0).all()
    z = (1.0 - 0.5) / 0.2
    assert float(standardised[-1]) == pytest.approx(math.log1p(math.exp(z)), rel=1e-6)


def test_no_statistics_of_nothing() -> None:
    with pytest.raises(ValueError, match="no scores"):
        StatisticsAccumulator(2).statistics()
