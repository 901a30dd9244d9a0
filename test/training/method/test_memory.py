# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Algorithms 1 and 2 and Eq. 3 against loops written from the paper."""

import math

import pytest

from cosme_ros.inference.memory_features import memory_features

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402, N812 (torch's own customary name)
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402

from training.method import memory  # noqa: E402


def cosine(a: list[float], b: list[float]) -> float:
    dot = sum(x * y for x, y in zip(a, b, strict=True))
    return dot / math.sqrt(sum(x * x for x in a)) / math.sqrt(sum(y * y for y in b))


def paper_update(
    prototypes: list[list[float]], features: list[list[float]], momentum: float
) -> list[list[float]]:
    """Algorithm 2, line by line, in float64."""
    assigned: list[list[list[float]]] = [[] for _ in prototypes]
    for feature in features:
        similarities = [cosine(prototype, feature) for prototype in prototypes]
        assigned[similarities.index(max(similarities))].append(feature)
    moved = []
    for prototype, members in zip(prototypes, assigned, strict=True):
        if not members:
            moved.append(prototype)
            continue
        means = [sum(m[c] for m in members) / len(members) for c in range(len(prototype))]
        moved.append(
            [momentum * p + (1 - momentum) * mean for p, mean in zip(prototype, means, strict=True)]
        )
    return moved


def random_features(count: int, channels: int, seed: int) -> torch.Tensor:
    return torch.randn(count, channels, generator=torch.Generator().manual_seed(seed))


def test_update_is_algorithm_2() -> None:
    prototypes, features = random_features(7, 5, 1), random_features(60, 5, 2)
    updated = memory.update(prototypes, features, momentum=0.7)
    wanted = paper_update(prototypes.double().tolist(), features.double().tolist(), 0.7)
    # float32 sums of at most 60 terms of size 1.
    torch.testing.assert_close(updated.double(), torch.tensor(wanted).double(), rtol=0, atol=1e-6)


def test_update_in_parts_is_update_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    prototypes, features = random_features(7, 5, 1), random_features(60, 5, 2)
    whole = memory.update(prototypes, features, 0.9)
    monkeypatch.setattr(memory, "_POSITIONS_AT_ONCE", 7)
    torch.testing.assert_close(memory.update(prototypes, features, 0.9), whole, rtol=0, atol=1e-6)


def test_prototype_that_is_nearest_to_nothing_stays() -> None:
    prototypes = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    updated = memory.update(prototypes, torch.tensor([[2.0, 0.5]]), momentum=0.5)
    assert updated[1].tolist() == [-1.0, 0.0]
    assert updated[0].tolist() == [1.5, 0.25]


def test_layer_score_is_equation_3() -> None:
    features = random_features(12, 5, 3).T.reshape(1, 5, 3, 4)
    bank = torch.nn.functional.normalize(random_features(6, 5, 4), dim=1)
    score = memory.layer_score(features, bank)
    assert score.shape == (1, 1, 3, 4)
    for i in range(3):
        for j in range(4):
            feature = features[0, :, i, j].double().tolist()
            nearest = max(cosine(p, feature) for p in bank.double().tolist())
            # A cosine of float32 numbers is good to a few units of 6e-8.
            assert float(score[0, 0, i, j]) == pytest.approx(1.0 - nearest, abs=1e-6)


def test_feature_on_a_prototype_scores_zero_and_a_null_feature_one() -> None:
    bank = torch.nn.functional.normalize(random_features(6, 5, 4), dim=1)
    features = torch.stack([bank[2] * 3.0, torch.zeros(5)]).T.reshape(1, 5, 1, 2)
    on_prototype, null = memory.layer_score(features, bank).flatten().tolist()
    assert on_prototype == pytest.approx(0.0, abs=1e-6)
    assert null == 1.0


def paper_initialisation(
    features: torch.Tensor, size: int, tau: float, misses: int, generator: torch.Generator
) -> list[list[float]]:
    """Algorithm 1, one candidate after the other, in the order the implementation draws them."""
    picked: list[list[float]] = []
    missed = 0
    while True:
        draws = torch.randint(len(features), (memory._CANDIDATES_AT_ONCE,), generator=generator)
        for index in draws.tolist():
            candidate = features[index].double().tolist()
            if all(cosine(p, candidate) < tau for p in picked):
                picked.append(candidate)
                missed = 0
            else:
                missed += 1
            if len(picked) == size or missed == misses:
                return picked


@pytest.mark.parametrize(("size", "tau"), [(20, 0.85), (500, 0.5)])
def test_initialise_is_algorithm_1(size: int, tau: float) -> None:
    features = random_features(400, 6, 5)
    result = memory.initialise(
        features,
        size=size,
        similarity_threshold=tau,
        maximum_misses=300,
        generator=torch.Generator().manual_seed(9),
    )
    wanted = paper_initialisation(features, size, tau, 300, torch.Generator().manual_seed(9))
    assert result.prototypes.double().tolist() == wanted
    assert result.filled == (len(wanted) == size)


def test_initialise_gives_up_when_the_data_are_not_diverse() -> None:
    same = torch.ones(50, 4) * torch.arange(1, 51)[:, None]
    result = memory.initialise(
        same,
        size=8,
        similarity_threshold=0.85,
        maximum_misses=100,
        generator=torch.Generator().manual_seed(0),
    )
    assert len(result.prototypes) == 1
    assert not result.filled
    assert result.candidates == 101


def test_initialise_refuses_nothing() -> None:
    with pytest.raises(ValueError, match="no features"):
        memory.initialise(
            torch.empty(0, 4), size=8, similarity_threshold=0.85, generator=torch.Generator()
        )


@pytest.mark.parametrize("places", [511, 512, 513, 1500, 16 * 512 + 1])
def test_a_layer_is_scored_in_blocks_as_it_is_as_a_whole(places: int) -> None:
    features, bank = random_features(places, 6, 1), F.normalize(random_features(9, 6, 2), dim=1)
    found = memory.layer_score(features.T.reshape(1, 6, 1, places), bank)
    cosines = F.normalize(features.double(), dim=1) @ F.normalize(bank.double(), dim=1).T
    wanted = (1.0 - cosines.amax(dim=1)).clamp(min=0.0)
    # float32 rounds 1 - cosine to 6e-8; a sum of 6 products triples that.
    torch.testing.assert_close(found.flatten().double(), wanted, atol=4e-7, rtol=0)


def test_no_similarity_of_all_places_and_prototypes_is_kept() -> None:
    places, size = 16_384, 2048
    sizes = []

    class Recorder(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            result = func(*args, **(kwargs or {}))
            if isinstance(result, torch.Tensor):
                sizes.append(result.numel())
            return result

    bank = F.normalize(random_features(size, 4, 1), dim=1)
    with Recorder():
        memory.layer_score(random_features(places, 4, 2).T.reshape(1, 4, 128, 128), bank)
    assert max(sizes) == places * size // 16


@pytest.mark.parametrize("grid", [None, (6, 8), (5, 7), (4, 5), (24, 32)])
def test_the_vehicle_half_pools_as_the_graph_does(grid: tuple[int, int] | None) -> None:
    # 13 and 17 are no multiples of any block.
    features = {"c4": torch.randn(1, 3, 7, 9), "lh": torch.randn(1, 5, 13, 17)}
    method = {"layers": list(features), "pooled": True}
    if grid is not None:
        method["memory_grid"] = list(grid)
    outputs = {layer: x.numpy() for layer, x in features.items()}
    found = memory_features({"method": method, "student": {}}, outputs)
    for layer, wanted in memory.pooled(features, grid).items():
        torch.testing.assert_close(torch.from_numpy(found[layer]), wanted[0])


def test_layers_are_pooled_in_the_blocks_that_come_nearest_to_a_grid() -> None:
    # A generalist's 48 rows beside a memory of 23: blocks of 2, and no row is lost.
    rows = torch.arange(48.0)[:, None].expand(48, 64)[None, None]
    found = memory.pooled({"c4": rows}, (23, 30))["c4"]
    assert found.shape == (1, 1, 24, 32)
    torch.testing.assert_close(found[0, 0, :, 0], torch.arange(24.0) * 2 + 0.5)
