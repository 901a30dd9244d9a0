# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""ONNX Runtime's own options, as users write them: 'prefer_nhwc=1,enable_cuda_graph=1'."""

from collections.abc import Mapping
from types import MappingProxyType

SESSION_PREFIX = "session."
"""Begins the name of every option that is the session's and not an execution provider's."""
NO_OPTIONS: Mapping[str, str] = MappingProxyType({})
_CUDA_GRAPH = "enable_cuda_graph"
_TENSORRT_GRAPH = "trt_cuda_graph_enable"
_NUMBERED_RECORDINGS = (1, 18)
_FLOAT16_OPTIONS = {"prefer_nhwc": "1", "fuse_conv_bias": "1"}
_FUSED_BIAS = (1, 20)


def parse_runtime_options(text: str) -> dict[str, str]:
    """Return the options in a text such as "name=value,name=value"; none for an empty text.

    Raises:
        ValueError: a part is no 'name=value', or a name is given twice.

    >>> parse_runtime_options("prefer_nhwc=1, fuse_conv_bias=1")
    {'prefer_nhwc': '1', 'fuse_conv_bias': '1'}
    """
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
    """Return the options of the session, and those of the execution provider."""
    of_session = {n: value for n, value in options.items() if n.startswith(SESSION_PREFIX)}
    return of_session, {n: value for n, value in options.items() if n not in of_session}


def captures_graphs(options: Mapping[str, str]) -> bool:
    """Return whether a GPU's provider records its kernels once and replays them (CUDA graphs)."""
    return _is_on(options, _CUDA_GRAPH)


def float16_options(provider: str, runtime_version: str) -> dict[str, str]:
    """Return the provider's options under which networks in float16 take the least time.

    Channels last are what tensor cores take, and a bias in the convolution saves a pass over each
    of its outputs: docs/benchmarks.md has what both save. ONNX Runtime has both since 1.20.

    >>> float16_options("cuda", "1.31.0")
    {'prefer_nhwc': '1', 'fuse_conv_bias': '1'}
    """
    if provider != "cuda" or _version(runtime_version) < _FUSED_BIAS:
        return {}
    return dict(_FLOAT16_OPTIONS)


def check_recording(options: Mapping[str, str], runtime_version: str) -> None:
    """Raise ValueError where graphs would be recorded without a number for every recording.

    What was recorded reads where the picture was. Without numbers a frame of another size is
    answered by what an old picture holds. ONNX Runtime has them since 1.18 (pull request 19636),
    for CUDA alone.
    """
    if _is_on(options, _TENSORRT_GRAPH):
        raise ValueError(
            f"runtime_options has {_TENSORRT_GRAPH}, but TensorRT keeps one recording, and would "
            "answer a frame of another size by an old picture; leave it out"
        )
    if captures_graphs(options) and _version(runtime_version) < _NUMBERED_RECORDINGS:
        raise ValueError(
            f"runtime_options has {_CUDA_GRAPH}, but ONNX Runtime {runtime_version} keeps one "
            "recording, and would answer a frame of another size by an old picture; leave it out, "
            "or take 1.18 or later"
        )


def _version(text: str) -> tuple[int, int]:
    major, minor = (int(part) for part in text.split(".")[:2])
    return major, minor


def _is_on(options: Mapping[str, str], name: str) -> bool:
    return options.get(name, "0").lower() in ("1", "true")
