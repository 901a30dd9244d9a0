# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Part b: CosMe as PyTorch, as bare sessions and through `Detector`, side by side."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from bare_sessions import BareSessions
from device import HALF, name_of
from matrix_rate import MatrixProduct
from ratios import BFLOAT16_PRODUCT, EAGER, MATRIX_PRODUCT
from record import Record
from rounds import time_side_by_side
from torch_cosme import TorchCosme, TorchTeacher, on_host
from workloads import Workload

from cosme_ros.bundle.loading import GRAPHS, Bundle
from cosme_ros.inference.detector import Detector
from cosme_ros.inference.provider_settings import PROVIDERS
from cosme_ros.inference.providers import ProviderError
from cosme_ros.inference.runtime_options import parse_runtime_options


@dataclass(frozen=True)
class Choices:
    """How to measure."""

    provider: str
    """ONNX Runtime's, for `Detector`; 'auto' or one of execution.PROVIDERS."""
    device: str
    """PyTorch's: 'cpu' or 'cuda'."""
    threads: int
    rounds: int
    longest: float
    """Seconds; what takes longer is measured once."""
    compiled: bool
    """Whether to try torch.compile."""
    runtime_options: tuple[str, ...] = ()
    """Written as the node's parameter of that name: `Detector` is timed with each of them too."""


def open_detector(
    workload: Workload, choices: Choices, *, bundle: Bundle | None = None, runtime_options: str = ""
) -> Detector:
    """`Detector` on the workload's bundle, or another `bundle` of the same networks."""
    return Detector(
        bundle or workload.bundle,
        provider=choices.provider,
        false_positive_rate=workload.false_positive_rate,
        threads=choices.threads,
        runtime_options=parse_runtime_options(runtime_options),
    )


def measure_networks(
    workload: Workload,
    choices: Choices,
    product: MatrixProduct,
    half_rate: float,
    record: Record,
    bfloat16_product: MatrixProduct | None = None,
) -> None:
    """Time everything there is for `workload`, and put it under networks/<its name>.

    `product` runs in the same rounds, so that the share of the matrix rate is of the same minutes.
    `half_rate` is the matrix rate in half precision, 10^9 multiply-adds a second: on a processor
    that only imitates it, a large network would take many minutes, and is left out.
    `bfloat16_product` runs too, where `Detector` in bfloat16 is wanted.
    """
    images = itertools.cycle(workload.images)
    calls: dict[str, Callable[[], object]] = {}
    grids: dict[str, Callable[[np.ndarray], np.ndarray]] = {}
    missing: dict[str, str] = {}
    lower: dict[str, str] = {}

    def add_detector(name: str, one: Detector) -> None:
        calls[name] = lambda: one.detect(next(images)).score
        grids[name] = lambda image: one.detect(image).raw_score_grid

    in_half = "" if workload.bundle is workload.single else " float16"
    detector = open_detector(workload, choices)
    ours = f"Detector, {detector.provider}{in_half}"
    add_detector(ours, detector)
    for text in choices.runtime_options:
        try:
            with_options = open_detector(workload, choices, runtime_options=text)
            add_detector(f"{ours}, {text}", with_options)
        except ProviderError as error:
            missing[f"{ours}, {text}"] = str(error)
    if workload.int8 is not None:
        # int8 is ONNX Runtime's own: OpenVINO computes such a graph in float32.
        processor = replace(choices, provider="cpu") if choices.device == "cpu" else choices
        quantised = open_detector(workload, processor, bundle=workload.int8)
        lower["int8"] = f"Detector, {quantised.provider} int8"
        add_detector(lower["int8"], quantised)
    if workload.bfloat16 is not None:
        title = "Detector, openvino bfloat16"
        try:
            named = replace(choices, provider="openvino")
            add_detector(title, open_detector(workload, named, bundle=workload.bfloat16))
            lower["bfloat16"] = title
        except ProviderError as error:
            missing[title] = str(error)

    in_a_row = ""
    for provider in PROVIDERS:
        try:
            bare = BareSessions(workload.bundle, provider, choices.threads)
        except ProviderError as error:
            missing[f"ONNX Runtime {provider}"] = str(error)
            continue
        names = [f"session {graph}, {provider}{in_half}" for graph in GRAPHS]
        sessions = _session_calls(bare, workload.images[0])
        calls |= zip(names, sessions, strict=True)
        row = f"3 sessions in a row, {provider}{in_half}"
        calls[row] = lambda sessions=sessions: [call() for call in sessions]
        grids[f"sessions, {provider}{in_half}"] = bare.score_grid
        if provider == detector.provider:
            in_a_row = row

    _add_torch(workload, choices, "float32", images, calls, grids)
    half = name_of(HALF[choices.device])
    least = workload.multiply_adds["all"] / 1e9 / half_rate
    if least <= choices.longest:
        _add_torch(workload, choices, half, images, calls, grids)
    else:
        missing[f"PyTorch {half}, {workload.name}"] = (
            f"at this processor's matrix rate in {half} a frame takes {least:.0f} s or more"
        )
    # As much as a frame of a large network: a short timing meets less of what the machine does.
    times = max(1, round(workload.multiply_adds["all"] / product.multiply_adds))
    calls[MATRIX_PRODUCT] = lambda: [product.call() for _ in range(times)]
    if bfloat16_product is not None and "bfloat16" in lower:
        calls[BFLOAT16_PRODUCT] = bfloat16_product.call

    place = ("networks", workload.name)
    height, width = workload.bundle.input_size
    fixed: dict[str, Any] = {
        "size": [height, width],
        "provider": detector.provider,
        "detector": ours,
        "lower": lower,
        "sessions_in_a_row": in_a_row,
        "multiply_adds": dict(workload.multiply_adds),
        "missing": missing,
        "matrix_product": {
            "by": product.by,
            "dtype": product.dtype,
            "shape": list(product.shape),
            "multiply_adds": times * product.multiply_adds,
        },
    }
    if BFLOAT16_PRODUCT in calls and bfloat16_product is not None:
        fixed["bfloat16_product"] = {"multiply_adds": bfloat16_product.multiply_adds}
    for key, value in fixed.items():
        record.put(*place, key, value=value)
    result = time_side_by_side(
        calls,
        rounds=choices.rounds,
        label=workload.name,
        longest=choices.longest,
        said=lambda so_far: record.put(*place, "milliseconds", value=so_far.milliseconds()),
    )
    record.put(*place, "milliseconds", value=result.milliseconds())
    working = {name: grid for name, grid in grids.items() if name not in result.failed}
    # Whatever was timed, it is compared with single precision on the processor.
    exact = BareSessions(workload.single, "cpu", choices.threads)
    working["sessions, cpu"] = exact.score_grid
    errors = score_errors(working, workload.images, reference="sessions, cpu")
    record.put(*place, "score_error", value=errors)


def score_errors(
    grids: dict[str, Callable[[np.ndarray], np.ndarray]],
    images: Sequence[np.ndarray],
    *,
    reference: str,
) -> dict[str, Any]:
    """How far each way's scores are from those of `reference`, over all `images`.

    `mean` and `largest` are absolute differences over the reference's largest score.
    """
    wanted = [grids[reference](image) for image in images]
    scale = max(float(grid.max()) for grid in wanted)
    errors = {}
    for name, grid in grids.items():
        differences = [np.abs(grid(x) - y) for x, y in zip(images, wanted, strict=True)]
        errors[name] = {
            "mean": float(np.mean(differences)) / scale,
            "largest": float(np.max(differences)) / scale,
        }
    return errors


def _session_calls(bare: BareSessions, image: np.ndarray) -> list[Callable[[], object]]:
    inputs = bare.inputs_of(image)
    return [
        lambda session=bare.by_graph[graph], given=inputs[graph]: session.run(given)
        for graph in GRAPHS
    ]


def _add_torch(
    workload: Workload,
    choices: Choices,
    dtype: str,
    images: Iterator[np.ndarray],
    calls: dict[str, Callable[[], object]],
    grids: dict[str, Callable[[np.ndarray], np.ndarray]],
) -> None:
    """All of CosMe and the teacher alone in `dtype`, eager and, where wanted, compiled."""
    device = choices.device
    precision = "" if dtype == "float32" else f" {dtype}"

    def add(name: str, module: torch.nn.Module, *, scores: bool) -> None:
        calls[name] = lambda: on_host(module, next(images), device)
        if scores and workload.own_weights:
            grids[name] = lambda image: on_host(module, image, device)[1]

    cosme = TorchCosme(workload.method, getattr(torch, dtype)).to(device)
    if device == "cuda" and precision:  # the layout that the fast kernels of half precision are for
        cosme = cosme.to(memory_format=torch.channels_last)
    add(f"{EAGER}{precision}", cosme, scores=True)
    add(f"{EAGER}{precision}, teacher alone", TorchTeacher(cosme), scores=False)
    if choices.compiled:
        add(f"PyTorch compiled{precision}", torch.compile(cosme, dynamic=False), scores=True)
