# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The memory graph against Eq. 3, 4, 6, 7 and 8 in float64 loops."""

import math

import pytest

torch = pytest.importorskip("torch")

from training.method.graphs import MemoryGraph, TeacherGraph  # noqa: E402
from training.method.preprocessing import Preprocessing  # noqa: E402
from training.teachers.factory import build_teacher  # noqa: E402


def cosine(a: list[float], b: list[float]) -> float:
    dot = sum(x * y for x, y in zip(a, b, strict=True))
    return dot / math.sqrt(sum(x * x for x in a)) / math.sqrt(sum(y * y for y in b))


def bilinear(grid: list[list[float]], height: int, width: int) -> list[list[float]]:
    """Half-pixel bilinear interpolation, the definition of ONNX Resize (linear)."""
    rows, columns = len(grid), len(grid[0])

    def taps(target: int, size: int, source_size: int) -> tuple[int, int, float]:
        centre = min(max((target + 0.5) * source_size / size - 0.5, 0.0), source_size - 1.0)
        low = int(centre)
        return low, min(low + 1, source_size - 1), centre - low

    result = []
    for i in range(height):
        top, bottom, v = taps(i, height, rows)
        row = []
        for j in range(width):
            left, right, u = taps(j, width, columns)
            upper = grid[top][left] * (1 - u) + grid[top][right] * u
            lower = grid[bottom][left] * (1 - u) + grid[bottom][right] * u
            row.append(upper * (1 - v) + lower * v)
        result.append(row)
    return result


def test_pooled_mulmem_is_that_of_averaged_features() -> None:
    generator = torch.Generator().manual_seed(3)
    c5 = torch.randn(1, 4, 2, 3, generator=generator)
    # 5 rows on 2: blocks of 3, the last row once more.
    lh = torch.randn(1, 5, 5, 6, generator=generator)
    bank_c5 = torch.nn.functional.normalize(torch.randn(7, 4, generator=generator), dim=1)
    bank_lh = torch.nn.functional.normalize(torch.randn(7, 5, generator=generator), dim=1)
    graph = MemoryGraph(("c5", "lh"), (), None, pooled=True)
    found = graph.mulmem({"c5": c5, "lh": lh, "bank_c5": bank_c5, "bank_lh": bank_lh})
    rows = ((0, 1, 2), (3, 4, 4))
    product = []
    for i in range(2):
        product.append([])
        for j in range(3):
            block = [lh[0, :, y, x].double() for y in rows[i] for x in (2 * j, 2 * j + 1)]
            mean = (sum(block) / len(block)).tolist()
            g_lh = 1 - max(cosine(p, mean) for p in bank_lh.double().tolist())
            vector = c5[0, :, i, j].double().tolist()
            g_c5 = 1 - max(cosine(p, vector) for p in bank_c5.double().tolist())
            product[-1].append((g_c5, g_lh))
    wanted = [bilinear([[pair[k] for pair in row] for row in product], 5, 6) for k in range(2)]
    for i in range(5):
        for j in range(6):
            assert float(found[0, 0, i, j]) == pytest.approx(
                wanted[0][i][j] * wanted[1][i][j], rel=1e-4
            )


def test_only_finer_layers_are_pooled_to_the_memory_grid_and_scores_get_their_powers() -> None:
    generator = torch.Generator().manual_seed(4)
    maps = {
        "c5": torch.randn(1, 4, 2, 3, generator=generator),
        "lh": torch.randn(1, 5, 8, 12, generator=generator),
        # By itself, on the memory's grid as the student graph gives it.
        "generalist_c2": torch.randn(1, 3, 4, 6, generator=generator),
    }
    powers = {"c5": 0.5, "lh": 1.0, "generalist_c2": 1.5}
    banks = {
        layer: torch.nn.functional.normalize(torch.randn(7, x.shape[1], generator=generator), dim=1)
        for layer, x in maps.items()
    }
    graph = MemoryGraph(
        tuple(maps),
        (),
        None,
        pooled=True,
        memory_grid=(4, 6),
        layer_powers={"c5": 0.5, "generalist_c2": 1.5},
    )
    assert "generalist" not in graph.input_names
    assert "generalist_c2" in graph.input_names
    found = graph.mulmem({**maps, **{f"bank_{layer}": bank for layer, bank in banks.items()}})

    def vector(layer: str, i: int, j: int) -> list[float]:
        if layer != "lh":
            return maps[layer][0, :, i, j].double().tolist()
        block = maps[layer][0, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].double()
        return block.mean(dim=(1, 2)).tolist()

    def score(layer: str, rows: int, columns: int) -> list[list[float]]:
        bank = banks[layer].double().tolist()
        grid = [
            [
                (1 - max(cosine(p, vector(layer, i, j)) for p in bank)) ** powers[layer]
                for j in range(columns)
            ]
            for i in range(rows)
        ]
        return bilinear(grid, 8, 12)

    wanted = [score("c5", 2, 3), score("lh", 4, 6), score("generalist_c2", 4, 6)]
    for i in range(8):
        for j in range(12):
            product = wanted[0][i][j] * wanted[1][i][j] * wanted[2][i][j]
            assert float(found[0, 0, i, j]) == pytest.approx(product, rel=1e-4)


def test_scores_are_equations_3_to_8() -> None:
    generator = torch.Generator().manual_seed(0)

    def random(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    tensors = {
        "c4": random(1, 3, 2, 3),
        "c5": random(1, 4, 2, 3),
        "lh": random(1, 5, 6, 9),
        "student_c4": random(1, 3, 2, 3),
        "student_c5": random(1, 4, 2, 3),
    }
    for layer, channels in (("c4", 3), ("c5", 4), ("lh", 5)):
        bank = random(7, channels)
        tensors[f"bank_{layer}"] = torch.nn.functional.normalize(bank, dim=1)
    graph = MemoryGraph(("c4", "c5", "lh"), ("c4", "c5"), None, pooled=False)
    outputs = graph(*(tensors[name] for name in graph.input_names))

    def vector(name: str, i: int, j: int) -> list[float]:
        return tensors[name][0, :, i, j].double().tolist()

    def gamma(layer: str) -> list[list[float]]:
        height, width = tensors[layer].shape[2:]
        bank = tensors[f"bank_{layer}"].double().tolist()
        return [
            [1 - max(cosine(p, vector(layer, i, j)) for p in bank) for j in range(width)]
            for i in range(height)
        ]

    def psi(layer: str) -> list[list[float]]:
        height, width = tensors[layer].shape[2:]
        return [
            [
                sum(
                    (f - g) ** 2
                    for f, g in zip(
                        vector(layer, i, j), vector(f"student_{layer}", i, j), strict=True
                    )
                )
                / tensors[layer].shape[1]
                for j in range(width)
            ]
            for i in range(height)
        ]

    gammas = [bilinear(gamma(layer), 6, 9) for layer in ("c4", "c5", "lh")]
    psis = [bilinear(psi(layer), 6, 9) for layer in ("c4", "c5")]
    for i in range(6):
        for j in range(9):
            mulmem = math.prod(g[i][j] for g in gammas)
            auxcon = math.prod(p[i][j] for p in psis)
            wanted = (mulmem, auxcon, mulmem * auxcon)
            for output, value in zip(outputs, wanted, strict=True):
                # float32, a dozen operations deep.
                assert float(output[0, 0, i, j]) == pytest.approx(value, rel=2e-5, abs=1e-6)


def antialiased(grid: list[list[float]], height: int, width: int) -> list[list[float]]:
    """Half-pixel bilinear interpolation whose triangle covers all that a pixel stands for.

    The definition of ONNX Resize (linear, antialias).
    """

    def along(line: list[float], size: int) -> list[float]:
        scale = len(line) / size
        reach = max(scale, 1.0)
        result = []
        for target in range(size):
            centre = (target + 0.5) * scale - 0.5
            weights = [max(0.0, 1.0 - abs(i - centre) / reach) for i in range(len(line))]
            mixed = sum(w * value for w, value in zip(weights, line, strict=True))
            result.append(mixed / sum(weights))
        return result

    rows = [along(row, width) for row in grid]
    columns = [along(list(column), height) for column in zip(*rows, strict=True)]
    return [list(row) for row in zip(*columns, strict=True)]


def test_preprocessing_is_resize_swap_and_normalise() -> None:
    image = torch.randint(256, (1, 4, 6, 3), generator=torch.Generator().manual_seed(1))
    mean, deviation = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)
    result = Preprocessing(mean, deviation, (6, 3))(image.byte())
    for rgb in range(3):
        resized = antialiased(image[0, :, :, 2 - rgb].double().tolist(), 6, 3)
        wanted = (torch.tensor(resized) / 255 - mean[rgb]) / deviation[rgb]
        torch.testing.assert_close(result[0, rgb].double(), wanted.double(), rtol=0, atol=1e-5)


def test_class_ids_are_the_largest_logits() -> None:
    torch.manual_seed(0)
    network = build_teacher("deeplabv3plus_resnet18", 5, width=0.125).eval()
    graph = TeacherGraph(network, ("lh",), (64, 96)).eval()
    image = torch.randint(256, (1, 64, 96, 3), dtype=torch.uint8)
    with torch.inference_mode():
        _, class_id = graph(image)
        logits = network(graph.preprocessing(image))["o"]
    assert class_id.dtype == torch.uint8
    assert torch.equal(class_id.long(), logits.argmax(1))


def test_class_ids_come_at_the_stride_of_lh() -> None:
    """Logits on a coarser grid than `lh` are interpolated before the largest is taken."""

    class Coarse(torch.nn.Module):
        mean, standard_deviation = (0.0,) * 3, (1.0,) * 3

        def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
            lh = torch.nn.functional.avg_pool2d(x, 4)
            return {"lh": lh, "o": torch.nn.functional.avg_pool2d(lh, 2)}

    graph = TeacherGraph(Coarse(), ("lh",), (16, 24))
    image = torch.randint(256, (1, 16, 24, 3), generator=torch.Generator().manual_seed(3)).byte()
    lh, class_id = graph(image)
    assert class_id.shape == (1, *lh.shape[2:]) == (1, 4, 6)
    coarse = torch.nn.functional.avg_pool2d(lh, 2)[0].double().tolist()
    fine = torch.tensor([bilinear(channel, 4, 6) for channel in coarse])
    assert torch.equal(class_id[0].long(), fine.argmax(0))
