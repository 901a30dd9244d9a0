"""ONNX Runtime's own options, as users write them: 'prefer_nhwc=1,enable_cuda_graph=1'."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

SESSION_PREFIX = "session."
"""Begins the name of every option that is the session's and not an execution provider's."""
NO_OPTIONS: Mapping[str, str] = MappingProxyType({})
_GRAPH_CAPTURE = ("enable_cuda_graph", "trt_cuda_graph_enable")


def parse_runtime_options(text: str) -> dict[str, str]:
    """Options by name; none for an empty text. Raises ValueError for what is no 'name=value'."""
    options: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not (name and equals and value):
            raise ValueError(
                f"runtime_options {text!r}: {part!r} is no option; 'prefer_nhwc=1' would be, and "
                "several have commas between them"
            )
        if name in options:
            raise ValueError(f"runtime_options {text!r}: {name} is given twice")
        options[name] = value
    return options


def split_options(options: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Those of the session, and those of the execution provider."""
    of_session = {n: value for n, value in options.items() if n.startswith(SESSION_PREFIX)}
    return of_session, {n: value for n, value in options.items() if n not in of_session}


def captures_graphs(options: Mapping[str, str]) -> bool:
    """Whether a GPU's provider is to record its kernels once and replay them (CUDA graphs)."""
    return any(options.get(name, "0").lower() in ("1", "true") for name in _GRAPH_CAPTURE)
