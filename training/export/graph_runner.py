# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Runs a bundle's three graphs the plain way, to check and calibrate what was exported."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

PROVIDER = "CPUExecutionProvider"

GRAPHS = ("teacher", "student", "memory")
"""In the order in which they run: each reads what those before it made."""


class GraphRunner:
    """The three graphs in ONNX Runtime's own CPU provider, wired by name.

    Args:
        folder: holds teacher.onnx, student.onnx, memory.onnx and prototypes.npz.
        providers: graph to ONNX Runtime's providers, for those that the CPU provider does not run.
    """

    def __init__(self, folder: Path, providers: Mapping[str, Sequence[Any]] | None = None) -> None:
        chosen = providers or {}
        self.sessions = {
            name: onnxruntime.InferenceSession(
                folder / f"{name}.onnx", providers=chosen.get(name, [PROVIDER])
            )
            for name in GRAPHS
        }
        with np.load(folder / "prototypes.npz", allow_pickle=False) as banks:
            self.banks = {name: banks[name] for name in banks.files}

    def run(
        self,
        image: np.ndarray,
        known: Mapping[str, np.ndarray] | None = None,
        graphs: Collection[str] = GRAPHS,
    ) -> dict[str, np.ndarray]:
        """Return every output of every graph by name, for one image.

        Args:
            image: uint8 [H, W, 3] BGR, any size.
            known: a graph all of whose outputs are in it does not run; they are used instead.
            graphs: the others do not run either.
        """
        outputs: dict[str, np.ndarray] = dict(known or {})
        tensors: dict[str, np.ndarray] = {"image": image[None], **self.banks, **outputs}
        for name, session in self.sessions.items():
            if name not in graphs:
                continue
            names = [spec.name for spec in session.get_outputs()]
            if outputs.keys() >= set(names):
                continue
            feed = {spec.name: tensors[spec.name] for spec in session.get_inputs()}
            outputs.update(zip(names, session.run(names, feed), strict=True))
            tensors.update(outputs)
        return outputs
