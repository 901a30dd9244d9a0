# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Open ONNX Runtime sessions on a provider, and verify that it runs the graphs."""

import json
import logging
import tempfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import onnxruntime as ort

from cosme_ros.bundle.graph_file import GraphFile
from cosme_ros.inference.gpus import gpu_count
from cosme_ros.inference.provider_settings import (
    DEVICE_ID,
    PROVIDERS,
    WITH_DEVICES,
    check_affinity,
    check_device,
    with_device,
)
from cosme_ros.inference.providers import (
    CPU,
    PREPARATIONS,
    REMEDIES,
    EngineCache,
    ProviderError,
    SessionRequest,
    check_assignment,
    require_started,
)
from cosme_ros.inference.runtime_options import (
    NO_OPTIONS,
    captures_graphs,
    check_recording,
    float16_options,
    split_options,
)

_log = logging.getLogger(__name__)
_NUMPY_NAMES = {
    "tensor(uint8)": "uint8",
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(int64)": "int64",
}


# Threads that wait for work by spinning take the cores from the other graphs, and from everything
# else on the vehicle.
_SESSION_DEFAULTS = {
    "session.intra_op.allow_spinning": "0",
    # Else the first bytes decide, and only an ONNX graph was checked for what it refers to.
    "session.load_model_format": "ONNX",
}
_TIMED_RUNS = 3


Tensors = Mapping[str, tuple[str, tuple[int | str | None, ...]]]


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
    device_index: int = 0
    """Number of the GPU; 0 for the CPU."""

    @property
    def device(self) -> str:
        """Return where the graph reads and writes, in ONNX Runtime's words: 'cuda' or 'cpu'."""
        return "cuda" if self.provider in WITH_DEVICES else "cpu"

    @property
    def arenas(self) -> str:
        """Return where it takes memory, as ONNX Runtime's run option for shrinking names it."""
        return "cpu:0" if self.device == "cpu" else f"cpu:0;gpu:{self.device_index}"

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return outputs by name, new arrays at each call; `inputs` holds every input by name."""
        names = list(self.outputs)
        return dict(zip(names, self._session.run(names, dict(inputs)), strict=True))

    def binding(self) -> ort.IOBinding:
        """Return a new binding: which tensors `run_bound` reads and writes."""
        return self._session.io_binding()

    def run_bound(
        self, binding: ort.IOBinding, recording: int = 0, *, give_back: bool = False
    ) -> None:
        """Run on the tensors of `binding`; when it returns they are written.

        Args:
            binding: what is read and written.
            recording: numbers what a session that `captures` has recorded: another number for
                tensors that lie elsewhere or have another shape.
            give_back: return the memory that this run took and no tensor holds. Else ONNX Runtime
                keeps it for the next run, for as long as the session lives.
        """
        if not (self.captures or give_back):
            self._session.run_with_iobinding(binding)
            return
        options = ort.RunOptions()
        if self.captures:
            options.add_run_config_entry("gpu_graph_id", str(recording))
        elif give_back:
            options.add_run_config_entry("memory.enable_memory_arena_shrinkage", self.arenas)
        self._session.run_with_iobinding(binding, options)

    def value_of(self, array: np.ndarray) -> ort.OrtValue:
        """Return `array` where the graph reads it.

        On a GPU it is a copy. On the CPU it is the same memory, which the caller has to keep.
        """
        return ort.OrtValue.ortvalue_from_numpy(array, self.device, self.device_index)

    def empty_value(self, dtype: str, shape: Sequence[int]) -> ort.OrtValue:
        """Return memory for a tensor of NumPy's `dtype`, where the graph writes it."""
        return ort.OrtValue.ortvalue_from_shape_and_type(
            list(shape), np.dtype(dtype), self.device, self.device_index
        )


def open_session(
    model: Path | GraphFile,
    provider: str,
    *,
    threads: int = 0,
    affinity: str = "",
    runtime_options: Mapping[str, str] = NO_OPTIONS,
    engine_cache: EngineCache = None,
    float16: bool = False,
    bfloat16: bool = False,
    device: int = 0,
) -> Session:
    """Open one graph on one provider of PROVIDERS, and make sure that it runs there.

    Args:
        model: what to run, or the file that holds it; ONNX Runtime gets the bytes.
        provider: one of PROVIDERS.
        threads: inside an operator; 0 for ONNX Runtime's default.
        affinity: on which processors each of them but the caller's own runs, as in ONNX Runtime's
            session.intra_op_thread_affinities: '2;3' or '1-2;3-4', counted from 1, a part for each
            of `threads` - 1 threads. Empty leaves it to the system. For provider cpu only.
        runtime_options: for ONNX Runtime as they are: the session's, which begin with 'session.',
            and the provider's own. They win over what is set here.
        engine_cache: returns the folder for what TensorRT builds, in which each graph has a folder
            of its own. None: nothing is stored.
        float16: whether the graph is a network in half precision, for which a GPU has options of
            its own (`runtime_options.float16_options`).
        bfloat16: compute in bfloat16 where the provider can (openvino, on a processor that has
            it). The others, and openvino without it, compute in what the graph says.
        device: number of the GPU, from 0.

    Raises:
        ModelError: the file is no graph that ONNX Runtime can load.
        ProviderError: the provider does not run the graph here.
        ValueError: `threads` is negative, or `affinity` does not fit it.
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
    if float16:
        of_provider = {**float16_options(provider, ort.__version__), **of_provider}
    try:
        check_recording(of_provider, ort.__version__)
        of_provider = with_device(of_provider, provider, device)
        device_index = int(of_provider.get(DEVICE_ID, 0))
        if device_index:
            check_device(device_index, gpu_count())
    except ValueError as error:
        raise ProviderError(str(error)) from error
    graph = _graph_file(model)
    # TensorRT names an engine by the file of its graph, and bytes have none.
    cache = None if engine_cache is None else lambda: engine_cache() / graph.path.stem
    runtime_providers = PREPARATIONS[provider](
        SessionRequest(options, threads, of_provider, cache, bfloat16)
    )
    for name, value in {**_SESSION_DEFAULTS, **of_session}.items():
        options.add_session_config_entry(name, value)
    if provider == "cpu":
        try:
            session = _open(graph, options, runtime_providers, provider)
        except ModelError as error:
            if not runtime_options:
                raise
            _open(graph, ort.SessionOptions(), [CPU], "cpu")  # is it the graph after all?
            raise ProviderError(f"ONNX Runtime refuses runtime_options: {error}") from error
    else:
        try:
            session, assigned = _open_and_ask(graph, options, runtime_providers, provider)
        except ProviderError as error:
            if not runtime_options:
                raise
            raise ProviderError(
                f"{error}; or something in runtime_options ({', '.join(runtime_options)}) is wrong"
            ) from error
        check_assignment(assigned, provider, graph.path.name)
        if provider == "openvino":
            _try_openvino(session, graph.path.name)
    return Session(
        provider,
        _described(session.get_inputs()),
        _described(session.get_outputs()),
        session,
        captures_graphs(of_provider),
        device_index,
    )


def open_sessions(
    models: Mapping[str, Path | GraphFile],
    provider: str,
    *,
    float16: Collection[str] = (),
    bfloat16: Collection[str] = (),
    **options: Any,
) -> dict[str, Session]:
    """Open several graphs on one provider: all of them run there, or it is an error.

    Args:
        models: name to what to run, or the file that holds it.
        provider: one of PROVIDERS; or 'auto', which takes the first that runs every graph, and
            logs which one it is and why those before it were not taken. In bfloat16 it takes
            openvino only if that is faster here than the CPU provider, which is measured.
        float16: names of those that are networks in half precision.
        bfloat16: names of the graphs that may compute in it, as in `open_session`.
        **options: the others of `open_session`, for all graphs.

    Raises:
        ModelError: a file is no graph that ONNX Runtime can load.
        ProviderError: no provider, or not the named one, runs all graphs here.
        ValueError: `threads` is negative, or `affinity` does not fit it.
    """
    graphs = {name: _graph_file(model) for name, model in models.items()}
    passed_over = []
    measured = ""
    for candidate in PROVIDERS if provider == "auto" else (provider,):
        try:
            sessions = {
                name: open_session(
                    graph,
                    candidate,
                    float16=name in float16,
                    bfloat16=name in bfloat16,
                    **options,
                )
                for name, graph in graphs.items()
            }
            if provider == "auto" and candidate == "openvino" and bfloat16:
                measured = _require_faster(sessions, graphs, bfloat16, options.get("threads", 0))
        except ProviderError as error:
            if provider != "auto":
                raise
            passed_over.append(f"{candidate}: {error}")
            continue
        reasons = f"; passed over: {'; '.join(passed_over)}" if passed_over else ""
        in_bfloat16 = f" in bfloat16{measured}" if candidate == "openvino" and bfloat16 else ""
        _log.info("execution provider %s runs the graphs%s%s", candidate, in_bfloat16, reasons)
        return sessions
    raise ProviderError(f"no execution provider runs the graphs: {'; '.join(passed_over)}")


def _try_openvino(session: ort.InferenceSession, file_name: str) -> None:
    # It compiles a graph whose lengths are free at the first run, and some fail only there.
    try:
        session.run(None, _blank_inputs(session))
    except Exception as error:  # ONNX Runtime's exceptions have no common base
        raise ProviderError(
            f"openvino opens {file_name} and cannot run it: {str(error).strip().splitlines()[-1]}; "
            "a newer ONNX Runtime or a bundle that is exported again may help, or choose another "
            "provider"
        ) from error


def _require_faster(
    sessions: Mapping[str, Session],
    graphs: Mapping[str, GraphFile],
    names: Collection[str],
    threads: int,
) -> str:
    """Return how long the largest of `names` takes; ProviderError if the CPU provider is faster."""
    name = max(names, key=lambda name: len(graphs[name].content))
    single = open_session(graphs[name], "cpu", threads=threads)
    inputs = _blank_inputs(single._session)
    seconds: dict[str, list[float]] = {"openvino": [], "cpu": []}
    single.run(inputs)  # the first run is slow; the other session has had its own
    for _ in range(_TIMED_RUNS):  # in alternation: other load on the machine meets both
        for provider, session in (("openvino", sessions[name]), ("cpu", single)):
            began = perf_counter()
            session.run(inputs)
            seconds[provider].append(perf_counter() - began)
    here, there = (1000 * min(seconds[provider]) for provider in ("openvino", "cpu"))
    file_name = graphs[name].path.name
    measured = f"{file_name} takes {here:.3g} ms, and {there:.3g} in float32 on the CPU provider"
    if here >= there:
        raise ProviderError(f"in bfloat16 {measured}")
    return f" ({measured})"


def _graph_file(model: Path | GraphFile) -> GraphFile:
    if isinstance(model, GraphFile):
        return model
    try:
        return GraphFile(model, model.read_bytes())
    except OSError as error:
        raise ModelError(f"{model} cannot be opened by ONNX Runtime: {error.strerror}") from error


def _open(
    graph: GraphFile, options: ort.SessionOptions, runtime_providers: list[Any], provider: str
) -> ort.InferenceSession:
    try:
        return ort.InferenceSession(
            graph.content, options, providers=runtime_providers or None, enable_fallback=0
        )
    except Exception as error:  # ONNX Runtime's exceptions have no common base
        if provider == "cpu":
            raise ModelError(f"{graph.path} cannot be opened by ONNX Runtime: {error}") from error
        # The CPU provider is always there: what it cannot open either is no usable graph.
        _open(graph, ort.SessionOptions(), [CPU], "cpu")
        raise ProviderError(
            f"{provider} cannot open {graph.path.name}: {error}; {REMEDIES[provider]}"
        ) from error


def _described(arguments: Iterable[Any]) -> Tensors:
    return {a.name: (_NUMPY_NAMES.get(a.type, a.type), tuple(a.shape)) for a in arguments}


def _open_and_ask(
    graph: GraphFile, options: ort.SessionOptions, runtime_providers: list[Any], provider: str
) -> tuple[ort.InferenceSession, list[tuple[str, str]]]:
    """Return the session, and by operator who runs it: (ONNX Runtime's provider name, operator)."""
    if hasattr(ort.InferenceSession, "get_provider_graph_assignment_info"):
        options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
        session = _open(graph, options, runtime_providers, provider)
        require_started(session, provider)
        return session, [
            (part.ep_name, node.op_type)
            for part in session.get_provider_graph_assignment_info()
            for node in part.get_nodes()
        ]
    # Before 1.24 ONNX Runtime does not report what it assigned; a profile of one run shows it.
    with tempfile.TemporaryDirectory(prefix="cosme_ros_") as folder:
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = _open(graph, options, runtime_providers, provider)
        require_started(session, provider)
        session.run(None, _blank_inputs(session))
        events = json.loads(Path(session.end_profiling()).read_bytes())
    return session, [
        (event["args"]["provider"], event["args"]["op_name"])
        for event in events
        if event.get("cat") == "Node" and event.get("args", {}).get("provider")
    ]


def _blank_inputs(session: ort.InferenceSession) -> dict[str, np.ndarray]:
    """Return arrays of ones; a free length is 64."""
    return {
        value.name: np.ones(
            [length if isinstance(length, int) else 64 for length in value.shape],
            _NUMPY_NAMES[value.type],
        )
        for value in session.get_inputs()
    }
