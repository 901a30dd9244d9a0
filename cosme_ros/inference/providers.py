# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Execution providers: which one runs the graphs, and proof that it does.

ONNX Runtime gives the CPU whatever a provider leaves, and lists providers that cannot load. Here a
provider counts as running a graph only when the session says that it was assigned the graph's
convolutions and matrix products.
"""

import functools
import importlib.util
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnxruntime as ort

from cosme_ros.inference.provider_settings import DEVICE_ID
from cosme_ros.inference.runtime_options import SESSION_PREFIX

CPU = "CPUExecutionProvider"
_CUDA = "CUDAExecutionProvider"
_TENSORRT = "TensorrtExecutionProvider"
_OPENVINO = "OpenVINOExecutionProvider"
_RUNTIME_NAMES = {"tensorrt": _TENSORRT, "cuda": _CUDA, "openvino": _OPENVINO, "cpu": CPU}
REMEDIES = {
    "tensorrt": "install onnxruntime-gpu in place of onnxruntime, and TensorRT",
    "cuda": "install onnxruntime-gpu in place of onnxruntime, with the CUDA and cuDNN it asks for",
    "openvino": "install onnxruntime-ep-openvino beside onnxruntime 1.31 or later, or "
    "onnxruntime-openvino in place of onnxruntime",
}
# Part of the name of every operator, fused or not, in which the time of a network goes. Others
# (shapes, casts) providers leave to the CPU on purpose.
_COSTLY_OPERATORS = ("Conv", "MatMul", "Gemm")
_OPENVINO_PLUGIN = "onnxruntime_ep_openvino"
EngineCache = Callable[[], Path] | None
"""Gives the folder for what TensorRT builds; asked only when TensorRT is about to build."""

_log = logging.getLogger(__name__)


class ProviderError(Exception):
    """The wanted execution provider does not run the graphs here; says why and what to do."""


def check_assignment(assigned: Iterable[tuple[str, str]], provider: str, file_name: str) -> None:
    """Raise ProviderError unless `provider` runs the costly part of a graph.

    `assigned` holds ONNX Runtime's provider name and the operator's name, node by node.
    """
    runtime_name = _RUNTIME_NAMES[provider]
    nodes = list(assigned)
    if not any(name == runtime_name for name, _ in nodes):
        raise ProviderError(f"{provider} took no node of {file_name}; {REMEDIES[provider]}")
    left = sorted(
        {
            f"{operator} on {name.removesuffix('ExecutionProvider')}"
            for name, operator in nodes
            if name != runtime_name and any(part in operator for part in _COSTLY_OPERATORS)
        }
    )
    if left:
        raise ProviderError(
            f"{provider} runs only a part of {file_name} and leaves {', '.join(left)}; a newer "
            f"ONNX Runtime or a bundle that is exported again may help, or choose another provider"
        )


@dataclass(frozen=True)
class SessionRequest:
    """What a session is to be opened with, for the functions of PREPARATIONS."""

    options: ort.SessionOptions
    threads: int
    own: Mapping[str, str]
    """The provider's own options."""
    engine_cache: EngineCache
    bfloat16: bool
    """Compute in bfloat16 where the provider can."""


def _prepare_cpu(request: SessionRequest) -> list[Any]:
    if request.own:
        raise ProviderError(
            f"runtime_options has {', '.join(request.own)}, but provider cpu takes none of its "
            f"own; only those that begin with '{SESSION_PREFIX}' are for it"
        )
    return [CPU]


def _prepare_cuda(request: SessionRequest) -> list[Any]:
    _require("cuda")
    _preload_cuda()
    return [(_CUDA, dict(request.own)), CPU]


def _prepare_tensorrt(request: SessionRequest) -> list[Any]:
    _require("tensorrt")
    _preload_cuda()
    own, engine_cache = request.own, request.engine_cache
    # What TensorRT leaves goes to the same GPU.
    cuda = (_CUDA, {DEVICE_ID: own[DEVICE_ID]}) if DEVICE_ID in own else _CUDA
    folder = _writable(engine_cache()) if engine_cache is not None else None
    if folder is None:
        _log.warning("TensorRT builds its engines now: minutes, and again at every start")
        return [(_TENSORRT, dict(own)), cuda, CPU]
    if not any(folder.iterdir()):
        _log.warning("TensorRT builds its engines now: minutes, this once. Kept in %s", folder)
    settings = {
        "trt_engine_cache_enable": "1",
        "trt_engine_cache_path": str(folder),
        "trt_timing_cache_enable": "1",
        "trt_timing_cache_path": str(folder),
    }
    return [(_TENSORRT, {**settings, **own}), cuda, CPU]


def _writable(folder: Path) -> Path | None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:  # an installed bundle may lie where only root writes
        _log.warning("TensorRT's engines cannot be kept in %s: %s", folder, error.strerror)
        return None
    return folder


def _prepare_openvino(request: SessionRequest) -> list[Any]:
    on_processor = {"INFERENCE_PRECISION_HINT": "bf16" if request.bfloat16 else "f32"}
    if _OPENVINO in ort.get_available_providers():
        settings = {"device_type": "CPU", "load_config": json.dumps({"CPU": on_processor})}
        if request.threads:
            settings["num_of_threads"] = str(request.threads)
        return [(_OPENVINO, {**settings, **request.own}), CPU]
    if importlib.util.find_spec(_OPENVINO_PLUGIN) is None or not hasattr(ort, "get_ep_devices"):
        raise ProviderError(
            f"ONNX Runtime {ort.__version__} here has no OpenVINO; {REMEDIES['openvino']}"
        )
    devices = _openvino_devices()
    if not devices:
        raise ProviderError(
            "the plug-in onnxruntime-ep-openvino finds no device here. Up to 1.8 it takes Intel "
            "CPUs only (onnxruntime pull request 31981 lifts that); on another CPU take "
            "provider cpu, or onnxruntime-openvino in place of onnxruntime"
        )
    if request.threads:
        on_processor["INFERENCE_NUM_THREADS"] = str(request.threads)
    settings = {"load_config": json.dumps({"CPU": on_processor})}
    # The CPU before GPU and NPU: it is what was measured, and every machine with OpenVINO has it.
    on_cpu = [device for device in devices if device.device.type == ort.OrtHardwareDeviceType.CPU]
    request.options.add_provider_for_devices(on_cpu or devices, {**settings, **request.own})
    return []  # providers given as devices are not named again; the CPU is always behind them


PREPARATIONS: Mapping[str, Callable[[SessionRequest], list[Any]]] = {
    "tensorrt": _prepare_tensorrt,
    "cuda": _prepare_cuda,
    "openvino": _prepare_openvino,
    "cpu": _prepare_cpu,
}


def _require(provider: str) -> None:
    if _RUNTIME_NAMES[provider] not in ort.get_available_providers():
        raise ProviderError(
            f"ONNX Runtime {ort.__version__} here was built without {provider}; "
            f"{REMEDIES[provider]}"
        )


def _preload_cuda() -> None:
    # CUDA and cuDNN from wheels lie where the loader does not look; older versions cannot help.
    if hasattr(ort, "preload_dlls"):
        ort.preload_dlls()


def _openvino_devices() -> list[Any]:
    def devices() -> list[Any]:
        return [device for device in ort.get_ep_devices() if device.ep_name == _OPENVINO]

    if not devices():  # somebody else in this process may have registered it
        _register_openvino()
    return devices()


@functools.cache
def _register_openvino() -> None:
    # Once per process: ONNX Runtime refuses a second registration.
    import onnxruntime_ep_openvino

    try:
        ort.register_execution_provider_library(
            _OPENVINO_PLUGIN, onnxruntime_ep_openvino.get_library_path()
        )
    except Exception as error:  # ONNX Runtime's exceptions have no common base
        raise ProviderError(
            f"the plug-in onnxruntime-ep-openvino does not load into ONNX Runtime "
            f"{ort.__version__}: {error}"
        ) from error


def require_started(session: ort.InferenceSession, provider: str) -> None:
    """Raise ProviderError if ONNX Runtime has dropped `provider` from the session."""
    # A provider whose libraries are missing is dropped with a line on stderr and no exception.
    if _RUNTIME_NAMES[provider] not in session.get_providers():
        raise ProviderError(
            f"{provider} is built into ONNX Runtime {ort.__version__}, but did not start: a "
            f"library or a device is missing (ONNX Runtime's lines on stderr name it); "
            f"{REMEDIES[provider]}"
        )
