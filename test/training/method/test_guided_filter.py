# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The guided filter against He, Sun and Tang's equations in float64, place by place."""

import numpy as np
import onnx
import onnxruntime
import pytest

torch = pytest.importorskip("torch")

from training.export.onnx_writer import write_memory_graph  # noqa: E402
from training.method.graphs import MemoryGraph, TeacherGraph  # noqa: E402
from training.method.guided_filter import guided  # noqa: E402
from training.method.guided_settings import GuidedFilter  # noqa: E402

EPSILON = 3e-5


def slow(score: np.ndarray, guide: np.ndarray, radius: int, epsilon: float) -> np.ndarray:
    """Equations 14, 15 and 16: score [h, w], guide [h, w, 3], both float64."""
    root = np.sqrt(score)
    height, width = score.shape
    slopes, offsets = np.empty((height, width, 3)), np.empty((height, width))

    def window(y: int, x: int) -> tuple[slice, slice]:
        return (
            slice(max(0, y - radius), y + radius + 1),
            slice(max(0, x - radius), x + radius + 1),
        )

    for y in range(height):
        for x in range(width):
            colours = guide[window(y, x)].reshape(-1, 3)
            roots = root[window(y, x)].ravel()
            covariance = np.cov(colours.T, bias=True) + epsilon * np.eye(3)
            together = (colours * roots[:, None]).mean(axis=0) - colours.mean(axis=0) * roots.mean()
            slopes[y, x] = np.linalg.solve(covariance, together)
            offsets[y, x] = roots.mean() - slopes[y, x] @ colours.mean(axis=0)
    result = np.empty((height, width))
    for y in range(height):
        for x in range(width):
            slope = slopes[window(y, x)].reshape(-1, 3).mean(axis=0)
            result[y, x] = slope @ guide[y, x] + offsets[window(y, x)].mean()
    return np.maximum(result, root.min()) ** 2


def run(score: np.ndarray, guide: np.ndarray, radius: int, epsilon: float = EPSILON) -> np.ndarray:
    filtered = guided(
        torch.from_numpy(score.astype(np.float32))[None, None],
        torch.from_numpy(guide.astype(np.float32)).permute(2, 0, 1)[None],
        radius,
        epsilon,
    )
    assert filtered.dtype == torch.float32
    return filtered[0, 0].numpy()


def picture(kind: str, height: int = 11, width: int = 17) -> np.ndarray:
    """Guides in 0..1; `grey` and `dull` are those of which Cramer's rule makes nonsense."""
    random = np.random.default_rng(4)
    noise = random.random((height, width, 3))
    return {
        "colourful": noise,
        "grey": noise[..., :1] * np.ones(3) + 1e-3 * noise,
        "dull": 0.9 + 2e-3 * noise,
        "flat": np.full((height, width, 3), 1.0),
    }[kind].astype(np.float32)


@pytest.mark.parametrize("kind", ["colourful", "grey", "dull", "flat"])
@pytest.mark.parametrize("radius", [1, 3, 30])
def test_agrees_with_the_equations(kind: str, radius: int) -> None:
    """Windows inside the map, cut by its edge, and larger than it."""
    score = np.random.default_rng(1).random((11, 17)).astype(np.float32) ** 2
    guide = picture(kind)
    wanted = slow(score.astype(np.float64), guide.astype(np.float64), radius, EPSILON)
    found = run(score, guide, radius)
    # Grey pictures: the condition of the system is the variance over epsilon, 1e4, times 1e-7.
    np.testing.assert_allclose(found, wanted, atol=3e-3 * wanted.max())


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_the_scores_unit_does_not_matter(scale: float) -> None:
    score = np.random.default_rng(1).random((11, 17))
    found = run(score * scale, picture("colourful"), 3) / scale
    np.testing.assert_allclose(found, run(score, picture("colourful"), 3), rtol=1e-2, atol=1e-5)


@pytest.mark.parametrize("kind", ["colourful", "grey", "dull", "flat"])
@pytest.mark.parametrize("value", [0.0, 1e-6, 3.0])
def test_a_constant_score_stays(kind: str, value: float) -> None:
    found = run(np.full((11, 17), value), picture(kind), 3)
    np.testing.assert_allclose(found, value, rtol=1e-4)


def test_a_flat_picture_averages() -> None:
    score = np.zeros((21, 21))
    score[10, 10] = 1.0
    found = np.sqrt(run(score, picture("flat", 21, 21), 2))
    # A mean of means over 5 x 5.
    assert found[10, 10] == pytest.approx(1 / 25, rel=1e-3)
    assert found[:6].max() == found[:, :6].max() == pytest.approx(0.0, abs=1e-4)


def test_a_step_of_the_picture_sharpens_the_score() -> None:
    """A thing of another colour in a halo twice its width: the halo goes."""
    guide = np.full((40, 40, 3), (0.4, 0.4, 0.42))
    guide[15:25, 15:25] = (0.7, 0.3, 0.2)
    halo = np.zeros((40, 40))
    halo[10:30, 10:30] = 1.0
    found = run(halo, guide, 6)
    thing, rim = found[15:25, 15:25], halo.astype(bool)
    rim[15:25, 15:25] = False
    assert thing.min() > 0.9
    assert np.median(found[rim]) < 0.5
    assert thing.min() > 1.5 * np.median(found[rim])


def test_noise_gives_no_score_below_the_least() -> None:
    random = np.random.default_rng(0)
    score = random.random((30, 40)) ** 8 + 1e-3
    found = run(score, random.random((30, 40, 3)), 2, 1e-8)
    assert np.isfinite(found).all()
    assert found.min() >= np.float32(1e-3) * 0.999


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_never_a_clear_road(value: float) -> None:
    score = np.random.default_rng(1).random((11, 17))
    score[5, 8] = value
    assert not np.isfinite(run(score, picture("colourful"), 2)[5, 8])


def test_radius_is_in_pixels_of_the_network_input() -> None:
    assert GuidedFilter(24.0, EPSILON).places(4) == (6, EPSILON)
    assert GuidedFilter(24.0, EPSILON).places(8) == (3, EPSILON)
    assert GuidedFilter(1.0, EPSILON).places(16) == (1, EPSILON)


class Striding(torch.nn.Module):
    """A teacher whose `lh` has no whole stride."""

    mean, standard_deviation = (0.2, 0.3, 0.4), (0.5, 0.6, 0.7)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        lh = torch.nn.functional.interpolate(x, (5, 7))
        return {"lh": lh, "o": lh}


def test_the_guide_is_the_picture_on_the_scores_grid() -> None:
    graph = TeacherGraph(Striding(), ("lh",), (16, 24), with_guide=True)
    assert graph.output_names == ("lh", "guide", "class_id")
    image = torch.zeros(1, 32, 48, 3, dtype=torch.uint8)
    image[..., 0] = 255  # blue comes first
    _, guide, class_id = graph(image)
    assert guide.shape == (1, 3, 5, 7)
    assert class_id.shape == (1, 5, 7)
    wanted = torch.tensor([0.0, 0.0, 1.0])[:, None, None].expand(3, 5, 7)
    torch.testing.assert_close(guide[0], wanted)
    assert TeacherGraph(Striding(), ("lh",), (16, 24)).output_names == ("lh", "class_id")


def test_the_memory_graph_filters_what_it_publishes(tmp_path) -> None:
    """In PyTorch and in ONNX Runtime, where NaN has to come through as well."""
    generator = torch.Generator().manual_seed(0)
    tensors = {
        "lh": torch.randn(1, 5, 12, 18, generator=generator),
        "student_lh": torch.randn(1, 5, 12, 18, generator=generator),
        "guide": torch.rand(1, 3, 12, 18, generator=generator),
        "bank_lh": torch.nn.functional.normalize(torch.randn(7, 5, generator=generator), dim=1),
    }
    graph = MemoryGraph(("lh",), ("lh",), None, pooled=False, guided=(2, EPSILON))
    assert graph.input_names == ("lh", "student_lh", "guide", "bank_lh")
    mulmem, auxcon, score = graph(*(tensors[name] for name in graph.input_names))
    wanted = run((mulmem * auxcon)[0, 0].numpy(), tensors["guide"][0].permute(1, 2, 0).numpy(), 2)
    np.testing.assert_array_equal(score[0, 0].numpy(), wanted)
    write_memory_graph(graph, tensors, tmp_path / "memory.onnx")
    assert "AveragePool" in {n.op_type for n in onnx.load(tmp_path / "memory.onnx").graph.node}
    session = onnxruntime.InferenceSession(
        tmp_path / "memory.onnx", providers=["CPUExecutionProvider"]
    )
    feed = {name: value.numpy() for name, value in tensors.items()}
    np.testing.assert_allclose(session.run(["score"], feed)[0][0, 0], wanted, rtol=1e-3, atol=1e-5)
    feed["student_lh"] = feed["student_lh"].copy()
    feed["student_lh"][0, 0, 6, 9] = np.nan
    assert np.isnan(session.run(["score"], feed)[0][0, 0, 6, 9])
