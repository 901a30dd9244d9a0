# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""A bundle's three graphs in bare ONNX Runtime sessions: what `Detector` is measured against.

On a GPU their inputs and outputs stay on the device, so that only the graphs are timed.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from cosme_ros.bundle.loading import GRAPHS, Bundle
from cosme_ros.inference.runtime_options import NO_OPTIONS, float16_options
from cosme_ros.inference.sessions import Session, open_session
from cosme_ros.inference.tensorrt_cache import engine_cache_folder

_ON_GPU = ("cuda", "tensorrt")


class HostSession:
    """A session that reads and writes the host's memory, where nothing has to be copied."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.inputs = tuple(session.inputs)

    def place(self, array: np.ndarray) -> np.ndarray:
        """As the session takes it."""
        return np.ascontiguousarray(array)

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Outputs by name, where the session left them."""
        return self._session.run({name: inputs[name] for name in self.inputs})

    def fetch(self, value: np.ndarray) -> np.ndarray:
        """An output in the host's memory."""
        return value


class GpuSession:
    """The same on a GPU: `place` and `fetch` copy, `run` does not."""

    def __init__(
        self,
        path: Path,
        provider: str,
        engines: Callable[[], Path],
        runtime_options: Mapping[str, str],
    ) -> None:
        """`engines` gives the folder where TensorRT keeps what it builds, which takes minutes."""
        providers: list[Any] = [
            ("CUDAExecutionProvider", dict(runtime_options)),
            "CPUExecutionProvider",
        ]
        if provider == "tensorrt":
            kept = {"trt_engine_cache_enable": "1", "trt_engine_cache_path": str(engines())}
            providers.insert(0, ("TensorrtExecutionProvider", kept))
        self._session = ort.InferenceSession(str(path), providers=providers)
        self.inputs = tuple(value.name for value in self._session.get_inputs())
        self._outputs = tuple(value.name for value in self._session.get_outputs())

    def place(self, array: np.ndarray) -> Any:
        return ort.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array), "cuda", 0)

    def run(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        binding = self._session.io_binding()
        for name in self.inputs:
            binding.bind_ortvalue_input(name, inputs[name])
        for name in self._outputs:
            binding.bind_output(name, "cuda", 0)
        self._session.run_with_iobinding(binding)
        binding.synchronize_outputs()
        return dict(zip(self._outputs, binding.get_outputs(), strict=True))

    def fetch(self, value: Any) -> np.ndarray:
        return np.asarray(value.numpy())


AnySession = HostSession | GpuSession


class BareSessions:
    """Teacher, student and memory, one after the other.

    `open_session` opens them where the provider is not a GPU's: it proves that the provider runs
    the graphs. Raises ProviderError where it does not.
    """

    def __init__(
        self,
        bundle: Bundle,
        provider: str,
        threads: int,
        runtime_options: Mapping[str, str] = NO_OPTIONS,
    ) -> None:
        self.by_graph: dict[str, AnySession] = {}

        def engines() -> Path:
            return engine_cache_folder(bundle.path, bundle.digest)

        for graph in GRAPHS:
            path = bundle.graph_path(graph)
            # As `Detector` opens it, or the two could not be compared.
            own = float16_options(provider, ort.__version__) if bundle.gives_float16(graph) else {}
            options = {**own, **runtime_options}
            session = open_session(
                path, provider, threads=threads, runtime_options=options, engine_cache=engines
            )
            if provider in _ON_GPU:
                self.by_graph[graph] = GpuSession(path, provider, engines, options)
            else:
                self.by_graph[graph] = HostSession(session)
        place = self.by_graph["memory"].place
        self._banks = {name: place(bank) for name, bank in bundle.banks.items()}

    def inputs_of(self, image: np.ndarray) -> dict[str, dict[str, Any]]:
        """What each graph reads for one picture, uint8 [H, W, 3] BGR, in its place."""
        frame = {"image": self.by_graph["teacher"].place(image[None])}
        features = {
            **frame,
            **self._banks,
            **self.by_graph["teacher"].run(frame),
            **self.by_graph["student"].run(frame),
        }
        return {"teacher": frame, "student": frame, "memory": features}

    def score_grid(self, image: np.ndarray) -> np.ndarray:
        """CosMe score (Eq. 8) on the grid of `lh`, float32 [h, w], in the host's memory."""
        scores = self.by_graph["memory"].run(self.inputs_of(image)["memory"])
        return self.by_graph["memory"].fetch(scores["score"])[0, 0]
