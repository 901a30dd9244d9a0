# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""How many multiply-adds a second this device does at best: the measure of everything else.

A product of two large matrices is what processors and their libraries are made for. A network whose
multiply-adds take no longer than that many in a matrix product cannot be much faster on it.
"""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from device import seconds_a_call
from onnx import TensorProto, helper, numpy_helper
from spread import spread
from tqdm import tqdm

from cosme_ros.inference.sessions import open_session

TF32 = "tf32"
"""Float32 that a GPU may round to 10 bits before it multiplies: what PyTorch's convolutions do."""

# Rows, columns and depth: squares, and the two commonest products of a ResNet at stride 16
# (1x1 convolutions of 2048 places; 3x3 convolutions as products).
SHAPES = {
    "cpu": ((512, 512, 512), (1024, 1024, 1024), (2048, 2048, 2048), (256, 2048, 2304)),
    "cuda": ((4096, 4096, 4096), (8192, 8192, 8192), (512, 8192, 4608), (2048, 8192, 2048)),
}
DTYPES = {"cpu": ("float32", "bfloat16"), "cuda": ("float32", TF32, "float16", "bfloat16")}
QUICK_SHAPES = ((256, 256, 256), (512, 512, 512))
PYTORCH = "PyTorch"
RUNTIME = "ONNX Runtime "
REPEATS = 7
SECONDS = 0.2  # long enough that to start a product does not count
# A type that the device is this much slower in than in float32 is not what it is fast in, and its
# larger products would take minutes.
HOPELESS = 8.0


@dataclass(frozen=True)
class MatrixProduct:
    """A product that can be timed beside networks. `call` returns when the result is there."""

    by: str
    dtype: str
    shape: tuple[int, int, int]
    multiply_adds: int
    call: Callable[[], object]


def matrix_rates(device: str, provider: str, *, quick: bool) -> list[dict[str, Any]]:
    """Rates by library, number type and shape, each {by, dtype, shape, gmacs}, fastest first.

    `gmacs` is 10^9 multiply-adds a second (twice that many floating-point operations), as median
    and quartiles. `provider` is ONNX Runtime's, one of execution.PROVIDERS.
    """
    shapes = QUICK_SHAPES if quick else SHAPES[device]
    found: list[dict[str, Any]] = []
    for dtype in DTYPES[device]:
        for shape in tqdm(shapes, f"matrix rate, PyTorch {dtype}", unit="shape"):
            product = _torch_product(device, dtype, shape)
            rate = _rate(product, device)
            found.append(rate)
            best = max(entry["gmacs"]["median"] for entry in found)
            if rate["gmacs"]["median"] * HOPELESS < best:
                break
    with tempfile.TemporaryDirectory() as folder:
        for shape in tqdm(shapes, f"matrix rate, ONNX Runtime {provider}", unit="shape"):
            product = _runtime_product(provider, shape, Path(folder))
            found.append(_rate(product, "cpu"))
    return sorted(found, key=lambda entry: -entry["gmacs"]["median"])


def best_product(rates: Sequence[dict[str, Any]], dtype: str, device: str) -> MatrixProduct:
    """The fastest of `rates` in `dtype`, whoever does it, as often in a row as takes about SECONDS.

    Raises ValueError where nothing was measured in `dtype`.
    """
    own = [entry for entry in rates if entry["dtype"] == dtype]
    if not own:
        raise ValueError(f"no matrix rate was measured in {dtype}")
    best = max(own, key=lambda entry: entry["gmacs"]["median"])
    rows, columns, depth = best["shape"]
    if best["by"] == PYTORCH:
        one = _torch_product(device, dtype, (rows, columns, depth))
    else:
        provider = best["by"].removeprefix(RUNTIME)
        with tempfile.TemporaryDirectory() as folder:
            one = _runtime_product(provider, (rows, columns, depth), Path(folder))
    times = max(1, round(SECONDS * best["gmacs"]["median"] * 1e9 / one.multiply_adds))

    def call() -> None:
        for _ in range(times):
            one.call()
        if device == "cuda":
            torch.cuda.synchronize()

    return MatrixProduct(one.by, dtype, one.shape, times * one.multiply_adds, call)


def _rate(product: MatrixProduct, device: str) -> dict[str, Any]:
    first = seconds_a_call(product.call, device, 1)
    again = seconds_a_call(product.call, device, 1) if first < 1 else first
    calls = max(1, min(100, round(0.05 / again)))
    repeats = REPEATS if again < 1 else 1
    seconds = [seconds_a_call(product.call, device, calls) for _ in range(repeats)]
    return {
        "by": product.by,
        "dtype": product.dtype,
        "shape": list(product.shape),
        "gmacs": spread([product.multiply_adds / second / 1e9 for second in seconds]),
    }


def _torch_product(device: str, dtype: str, shape: tuple[int, int, int]) -> MatrixProduct:
    rows, columns, depth = shape
    kind = torch.float32 if dtype == TF32 else getattr(torch, dtype)
    generator = torch.Generator().manual_seed(0)
    left = torch.randn(rows, depth, generator=generator).to(device, kind)
    right = torch.randn(depth, columns, generator=generator).to(device, kind)
    out = torch.empty(rows, columns, device=device, dtype=kind)

    def call() -> None:
        before = torch.backends.cuda.matmul.allow_tf32
        torch.backends.cuda.matmul.allow_tf32 = dtype == TF32
        with torch.inference_mode():
            torch.matmul(left, right, out=out)
        torch.backends.cuda.matmul.allow_tf32 = before

    return MatrixProduct(PYTORCH, dtype, shape, rows * columns * depth, call)


def _runtime_product(provider: str, shape: tuple[int, int, int], folder: Path) -> MatrixProduct:
    """As a graph of one number in and one out: what is timed is the product, not the transfer."""
    rows, columns, depth = shape
    random = np.random.default_rng(0)
    constants = {
        "left": random.standard_normal((rows, depth), np.float32),
        "right": random.standard_normal((depth, columns), np.float32),
        "all": np.array([0, 1], np.int64),
    }
    graph = helper.make_graph(
        [
            helper.make_node("Mul", ["left", "scale"], ["scaled"]),
            helper.make_node("MatMul", ["scaled", "right"], ["product"]),
            helper.make_node("ReduceMax", ["product", "all"], ["largest"], keepdims=0),
        ],
        "product",
        [helper.make_tensor_value_info("scale", TensorProto.FLOAT, [1])],
        [helper.make_tensor_value_info("largest", TensorProto.FLOAT, [])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    path = folder / f"product_{rows}_{columns}_{depth}.onnx"
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.save(model, path)
    session = open_session(path, provider)
    scale = {"scale": np.ones(1, np.float32)}
    return MatrixProduct(
        RUNTIME + provider,
        "float32",
        shape,
        rows * columns * depth,
        lambda: session.run(scale),
    )
