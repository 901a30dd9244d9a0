# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Execution providers: which one runs the graphs, and proof that it does.

ONNX Runtime gives the CPU whatever a provider leaves, and lists providers that cannot load. Here a
provider counts as running a graph only when the session says that it was assigned the graph's
convolutions and matrix products.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import logging
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from cosme_ros.inference.provider_settings import PROVIDERS, check_affinity
from cosme_ros.inference.runtime_options import (
    NO_OPTIONS,
    SESSION_PREFIX,
    captures_graphs,
    check_recording,
    split_options,
)

_CPU = "CPUExecutionProvider"
_CUDA = "CUDAExecutionProvider"
_TENSORRT = "TensorrtExecutionProvider"
_OPENVINO = "OpenVINOExecutionProvider"
_RUNTIME_NAMES = {"tensorrt": _TENSORRT, "cuda": _CUDA, "openvino": _OPENVINO, "cpu": _CPU}
_REMEDIES = {
    "tensorrt": "install onnxruntime-gpu in place of onnxruntime, and TensorRT",
    "cuda": "install onnxruntime-gpu in place of onnxruntime, with the CUDA and cuDNN it asks for",
    "openvino": "install onnxruntime-ep-openvino beside onnxruntime 1.31 or later, or "
    "onnxruntime-openvino in place of onnxruntime",
}
# Part of the name of every operator, fused or not, in which the time of a network goes. Others
# (shapes, casts) providers leave to the CPU on purpose.
_COSTLY_OPERATORS = ("Conv", "MatMul", "Gemm")
_OPENVINO_PLUGIN = "onnxruntime_ep_openvino"
_NUMPY_NAMES = {
    "tensor(uint8)": "uint8",
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(int64)": "int64",
}
# Threads that wait for work by spinning take the cores from the other graphs, and from everything
# else on the vehicle.
_SESSION_DEFAULTS = {"session.intra_op.allow_spinning": "0"}
EngineCache = Callable[[], Path] | None
"""Gives the folder for what TensorRT builds; asked only when TensorRT is about to build."""

_log = logging.getLogger(__name__)

Tensors = Mapping[str, tuple[str, tuple[int | str | None, ...]]]


class ProviderError(Exception):
    """The wanted execution provider does not run the graphs here; says why and what to do."""


class ModelError(Exception):
    """The file is no graph that ONNX Runtime can load, whatever the provider."""


@dataclass(frozen=True, eq=False)
class Session:
    """One opened graph."""

    provider: str
    """The one of PROVIDERS that runs the graph."""
    inputs: Tensors
    """Name to NumPy dtype name and shape; a free length is a name or None."""
    outputs: Tensors
    _session: ort.InferenceSession
    captures: bool = False
    """Whether its kernels are recorded at the first runs and replayed, on the same addresses."""

    @property
    def device(self) -> str:
        """Where the graph reads and writes, in ONNX Runtime's words: 'cuda' or 'cpu'."""
        return "cuda" if self.provider in ("cuda", "tensorrt") else "cpu"

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Outputs by name; new arrays at each call. `inputs` holds every input by name."""
        names = list(self.outputs)
        return dict(zip(names, self._session.run(names, dict(inputs)), strict=True))

    def binding(self) -> ort.IOBinding:
        """A new binding: which tensors `run_bound` reads and writes."""
        return self._session.io_binding()

    def run_bound(self, binding: ort.IOBinding, recording: int = 0) -> None:
        """Run on the tensors of `binding`; when it returns they are written.

        `recording` numbers what a session that `captures` has recorded: another number for tensors
        that lie elsewhere or have another shape.
        """
        if not self.captures:
            self._session.run_with_iobinding(binding)
            return
        options = ort.RunOptions()
        options.add_run_config_entry("gpu_graph_id", str(recording))
        self._session.run_with_iobinding(binding, options)

    def value_of(self, array: np.ndarray) -> ort.OrtValue:
        """`array` where the graph reads it: a copy on a GPU; on the CPU the same memory, which the
        caller has to keep."""
        return ort.OrtValue.ortvalue_from_numpy(array, self.device, 0)

    def empty_value(self, dtype: str, shape: Sequence[int]) -> ort.OrtValue:
        """Memory for a tensor of NumPy's `dtype`, where the graph writes it."""
        return ort.OrtValue.ortvalue_from_shape_and_type(
            list(shape), np.dtype(dtype), self.device, 0
        )


def open_session(
    model_path: Path,
    provider: str,
    *,
    threads: int = 0,
    affinity: str = "",
    runtime_options: Mapping[str, str] = NO_OPTIONS,
    engine_cache: EngineCache = None,
) -> Session:
    """Open one graph on one provider of PROVIDERS, and make sure that it runs there.

    `threads` is the number of threads inside an operator, 0 for the library's default.
    `affinity` says on which processors each of them but the caller's own runs, as ONNX Runtime's
    session.intra_op_thread_affinities does: '2;3' or '1-2;3-4', counted from 1, a part for each of
    `threads` - 1 threads; empty leaves it to the system. It is for provider cpu.
    `runtime_options` go to ONNX Runtime as they are: the session's, which begin with 'session.',
    and the provider's own; they win over what is set here.
    `engine_cache` gives the folder for what TensorRT builds; nothing is kept without it.
    Raises ProviderError, or ModelError where the file itself is at fault.
    """
    if provider not in PROVIDERS:
        raise ProviderError(f"there is no provider {provider!r}; known are {', '.join(PROVIDERS)}")
    if threads < 0:
        raise ValueError(f"threads is {threads}; 0 (library's default) or more is right")
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    if affinity:
        check_affinity(affinity, threads)
        options.add_session_config_entry("session.intra_op_thread_affinities", affinity)
    of_session, of_provider = split_options(runtime_options)
    try:
        check_recording(of_provider, ort.__version__)
    except ValueError as error:
        raise ProviderError(str(error)) from error
    runtime_providers = _PREPARATIONS[provider](options, threads, of_provider, engine_cache)
    for name, value in {**_SESSION_DEFAULTS, **of_session}.items():
        options.add_session_config_entry(name, value)
    if provider == "cpu":
        try:
            return _wrap(_open(model_path, options, runtime_providers, provider), provider)
        except ModelError as error:
            if not runtime_options:
                raise
            _open(model_path, ort.SessionOptions(), [_CPU], "cpu")  # is it the graph after all?
            raise ProviderError(f"ONNX Runtime refuses runtime_options: {error}") from error

    try:
        session, assigned = _open_and_ask(model_path, options, runtime_providers, provider)
    except ProviderError as error:
        if not runtime_options:
            raise
        raise ProviderError(
            f"{error}; or something in runtime_options ({', '.join(runtime_options)}) is wrong"
        ) from error
    check_assignment(assigned, provider, model_path.name)
    return _wrap(session, provider, captures=captures_graphs(of_provider))


def open_sessions(
    model_paths: Mapping[str, Path],
    provider: str,
    *,
    threads: int = 0,
    affinity: str = "",
    runtime_options: Mapping[str, str] = NO_OPTIONS,
    engine_cache: EngineCache = None,
) -> dict[str, Session]:
    """Open several graphs on one provider: all of them run there, or it is an error.

    `provider` is one of PROVIDERS or 'auto', which takes the first that runs every graph and logs
    which it was and why those before it were passed over. Errors as in `open_session`.
    """
    passed_over = []
    for candidate in PROVIDERS if provider == "auto" else (provider,):
        try:
            sessions = {
                name: open_session(
                    path,
                    candidate,
                    threads=threads,
                    affinity=affinity,
                    runtime_options=runtime_options,
                    engine_cache=engine_cache,
                )
                for name, path in model_paths.items()
            }
        except ProviderError as error:
            if provider != "auto":
                raise
            passed_over.append(f"{candidate}: {error}")
            continue
        reasons = f"; passed over: {'; '.join(passed_over)}" if passed_over else ""
        _log.info("execution provider %s runs the graphs%s", candidate, reasons)
        return sessions
    raise ProviderError(f"no execution provider runs the graphs: {'; '.join(passed_over)}")


def check_assignment(assigned: Iterable[tuple[str, str]], provider: str, file_name: str) -> None:
    """Raise ProviderError unless `provider` runs the costly part of a graph.

    `assigned` holds ONNX Runtime's provider name and the operator's name, node by node.
    """
    runtime_name = _RUNTIME_NAMES[provider]
    nodes = list(assigned)
    if not any(name == runtime_name for name, _ in nodes):
        raise ProviderError(f"{provider} took no node of {file_name}; {_REMEDIES[provider]}")
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
            f"ONNX Runtime may take it all, or choose another provider"
        )


def _prepare_cpu(
    options: ort.SessionOptions,
    threads: int,
    own: Mapping[str, str],
    engine_cache: EngineCache,
) -> list[Any]:
    if own:
        raise ProviderError(
            f"runtime_options has {', '.join(own)}, but provider cpu takes none of its own; only "
            f"those that begin with '{SESSION_PREFIX}' are for it"
        )
    return [_CPU]


def _prepare_cuda(
    options: ort.SessionOptions,
    threads: int,
    own: Mapping[str, str],
    engine_cache: EngineCache,
) -> list[Any]:
    _require("cuda")
    _preload_cuda()
    return [(_CUDA, dict(own)), _CPU]


def _prepare_tensorrt(
    options: ort.SessionOptions,
    threads: int,
    own: Mapping[str, str],
    engine_cache: EngineCache,
) -> list[Any]:
    _require("tensorrt")
    _preload_cuda()
    folder = _writable(engine_cache()) if engine_cache is not None else None
    if folder is None:
        _log.warning("TensorRT builds its engines now: minutes, and again at every start")
        return [(_TENSORRT, dict(own)), _CUDA, _CPU]
    if not any(folder.iterdir()):
        _log.warning("TensorRT builds its engines now: minutes, this once. Kept in %s", folder)
    settings = {
        "trt_engine_cache_enable": "1",
        "trt_engine_cache_path": str(folder),
        "trt_timing_cache_enable": "1",
        "trt_timing_cache_path": str(folder),
    }
    return [(_TENSORRT, {**settings, **own}), _CUDA, _CPU]


def _writable(folder: Path) -> Path | None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:  # an installed bundle may lie where only root writes
        _log.warning("TensorRT's engines cannot be kept in %s: %s", folder, error.strerror)
        return None
    return folder


def _prepare_openvino(
    options: ort.SessionOptions,
    threads: int,
    own: Mapping[str, str],
    engine_cache: EngineCache,
) -> list[Any]:
    if _OPENVINO in ort.get_available_providers():
        settings = {"device_type": "CPU"}
        if threads:
            settings["num_of_threads"] = str(threads)
        return [(_OPENVINO, {**settings, **own}), _CPU]
    if importlib.util.find_spec(_OPENVINO_PLUGIN) is None or not hasattr(ort, "get_ep_devices"):
        raise ProviderError(
            f"ONNX Runtime {ort.__version__} here has no OpenVINO; {_REMEDIES['openvino']}"
        )
    devices = _openvino_devices()
    if not devices:
        raise ProviderError(
            "the plug-in onnxruntime-ep-openvino finds no device here. Up to 1.8 it takes Intel "
            "CPUs only (onnxruntime pull request 31981 lifts that); on another CPU take "
            "provider cpu, or onnxruntime-openvino in place of onnxruntime"
        )
    settings = {}
    if threads:
        settings["load_config"] = json.dumps({"CPU": {"INFERENCE_NUM_THREADS": str(threads)}})
    # The CPU before GPU and NPU: it is what was measured, and every machine with OpenVINO has it.
    on_cpu = [device for device in devices if device.device.type == ort.OrtHardwareDeviceType.CPU]
    options.add_provider_for_devices(on_cpu or devices, {**settings, **own})
    return []  # providers given as devices are not named again; the CPU is always behind them


_Prepare = Callable[[ort.SessionOptions, int, Mapping[str, str], EngineCache], list[Any]]
_PREPARATIONS: Mapping[str, _Prepare] = {
    "tensorrt": _prepare_tensorrt,
    "cuda": _prepare_cuda,
    "openvino": _prepare_openvino,
    "cpu": _prepare_cpu,
}


def _require(provider: str) -> None:
    if _RUNTIME_NAMES[provider] not in ort.get_available_providers():
        raise ProviderError(
            f"ONNX Runtime {ort.__version__} here was built without {provider}; "
            f"{_REMEDIES[provider]}"
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


def _open(
    model_path: Path, options: ort.SessionOptions, runtime_providers: list[Any], provider: str
) -> ort.InferenceSession:
    try:
        return ort.InferenceSession(
            str(model_path), options, providers=runtime_providers or None, enable_fallback=0
        )
    except Exception as error:  # ONNX Runtime's exceptions have no common base
        if provider == "cpu":
            raise ModelError(f"{model_path} cannot be opened by ONNX Runtime: {error}") from error
        # The CPU provider is always there: what it cannot open either is no usable graph.
        _open(model_path, ort.SessionOptions(), [_CPU], "cpu")
        raise ProviderError(
            f"{provider} cannot open {model_path.name}: {error}; {_REMEDIES[provider]}"
        ) from error


def _wrap(session: ort.InferenceSession, provider: str, *, captures: bool = False) -> Session:
    def described(arguments: Iterable[Any]) -> Tensors:
        return {a.name: (_NUMPY_NAMES.get(a.type, a.type), tuple(a.shape)) for a in arguments}

    return Session(
        provider,
        described(session.get_inputs()),
        described(session.get_outputs()),
        session,
        captures,
    )


def _open_and_ask(
    model_path: Path, options: ort.SessionOptions, runtime_providers: list[Any], provider: str
) -> tuple[ort.InferenceSession, list[tuple[str, str]]]:
    """The session, and who runs which operator: (ONNX Runtime's provider name, operator)."""
    if hasattr(ort.InferenceSession, "get_provider_graph_assignment_info"):
        options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
        session = _open(model_path, options, runtime_providers, provider)
        _require_started(session, provider)
        return session, [
            (part.ep_name, node.op_type)
            for part in session.get_provider_graph_assignment_info()
            for node in part.get_nodes()
        ]
    # Before 1.24 ONNX Runtime tells nobody what it assigned, but a profile of one run shows it.
    with tempfile.TemporaryDirectory(prefix="cosme_ros_") as folder:
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = _open(model_path, options, runtime_providers, provider)
        _require_started(session, provider)
        session.run(None, _blank_inputs(session))
        events = json.loads(Path(session.end_profiling()).read_bytes())
    return session, [
        (event["args"]["provider"], event["args"]["op_name"])
        for event in events
        if event.get("cat") == "Node" and event.get("args", {}).get("provider")
    ]


def _require_started(session: ort.InferenceSession, provider: str) -> None:
    # A provider whose libraries are missing is dropped with a line on stderr and no exception.
    if _RUNTIME_NAMES[provider] not in session.get_providers():
        raise ProviderError(
            f"{provider} is built into ONNX Runtime {ort.__version__}, but did not start: a "
            f"library or a device is missing (ONNX Runtime's lines on stderr name it); "
            f"{_REMEDIES[provider]}"
        )


def _blank_inputs(session: ort.InferenceSession) -> dict[str, np.ndarray]:
    """Ones, 64 wherever a length is free."""
    return {
        value.name: np.ones(
            [length if isinstance(length, int) else 64 for length in value.shape],
            _NUMPY_NAMES[value.type],
        )
        for value in session.get_inputs()
    }
