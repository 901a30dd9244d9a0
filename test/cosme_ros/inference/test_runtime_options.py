# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""ONNX Runtime's own options: how they are written, and that they arrive."""

from dataclasses import replace
from pathlib import Path

import pytest
from helpers.tiny_bundle import write_tiny_bundle

from cosme_ros.bundle.loading import GRAPHS, load_bundle
from cosme_ros.inference.pipeline import InferencePipeline
from cosme_ros.inference.providers import ProviderError
from cosme_ros.inference.runtime_options import (
    captures_graphs,
    check_recording,
    float16_options,
    parse_runtime_options,
    split_options,
)
from cosme_ros.inference.sessions import open_session, open_sessions


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")


def test_they_are_written_as_name_equals_value_with_commas() -> None:
    assert parse_runtime_options("") == {}
    assert parse_runtime_options(" prefer_nhwc = 1, cudnn_conv_algo_search=HEURISTIC,") == {
        "prefer_nhwc": "1",
        "cudnn_conv_algo_search": "HEURISTIC",
    }


@pytest.mark.parametrize("text", ["prefer_nhwc", "=1", "prefer_nhwc="])
def test_what_is_no_option_is_told(text: str) -> None:
    with pytest.raises(ValueError, match=f"'{text}' is no option; 'prefer_nhwc=1' would be"):
        parse_runtime_options(f"a=2,{text}")


def test_an_option_given_twice_is_told() -> None:
    with pytest.raises(ValueError, match="a is given twice"):
        parse_runtime_options("a=1,a=2")


def test_the_session_s_are_told_from_the_provider_s_by_their_name() -> None:
    assert split_options({"session.x": "1", "y": "2"}) == ({"session.x": "1"}, {"y": "2"})


@pytest.mark.parametrize(
    ("options", "captures"),
    [
        ({}, False),
        ({"enable_cuda_graph": "0"}, False),
        ({"enable_cuda_graph": "1"}, True),
        ({"enable_cuda_graph": "True"}, True),
    ],
)
def test_recording_is_known_by_its_option(options, captures: bool) -> None:
    assert captures_graphs(options) is captures
    check_recording(options, "1.18.0")


@pytest.mark.parametrize("version", ["1.17.3", "0.5.0"])
def test_without_numbered_recordings_nothing_is_recorded(version: str) -> None:
    """A frame of another size would be answered by an old picture."""
    check_recording({"enable_cuda_graph": "0", "prefer_nhwc": "1"}, version)
    with pytest.raises(ValueError, match=f"ONNX Runtime {version} keeps one recording"):
        check_recording({"enable_cuda_graph": "1"}, version)


@pytest.mark.parametrize("provider", ["tensorrt", "cuda"])
def test_tensorrt_s_one_recording_is_refused(folder: Path, provider: str) -> None:
    with pytest.raises(ProviderError, match="trt_cuda_graph_enable, but TensorRT keeps one"):
        open_session(
            folder / "teacher.onnx", provider, runtime_options={"trt_cuda_graph_enable": "1"}
        )


def test_a_provider_s_option_is_nothing_for_the_cpu(folder: Path) -> None:
    with pytest.raises(ProviderError, match="has prefer_nhwc, but provider cpu takes none"):
        open_session(folder / "teacher.onnx", "cpu", runtime_options={"prefer_nhwc": "1"})


def test_auto_does_not_fall_to_a_provider_that_cannot_have_the_options(folder: Path) -> None:
    paths = {graph: folder / f"{graph}.onnx" for graph in GRAPHS}
    with pytest.raises(ProviderError, match="cpu: runtime_options has no_such_option"):
        open_sessions(paths, "auto", runtime_options={"no_such_option": "1"})


def test_a_session_s_option_arrives(folder: Path) -> None:
    """One that ONNX Runtime cannot read is refused, and not taken for a damaged graph."""
    name = "session.intra_op_thread_affinities"
    model = folder / "teacher.onnx"
    open_session(model, "cpu", threads=2, runtime_options={name: "1"})
    with pytest.raises(ProviderError, match="refuses runtime_options"):
        open_session(model, "cpu", threads=2, runtime_options={name: "first"})


def test_graphs_whose_outputs_move_cannot_be_recorded(folder: Path) -> None:
    bundle = load_bundle(folder)
    sessions = {graph: open_session(folder / f"{graph}.onnx", "cpu") for graph in GRAPHS}
    outputs = sessions["teacher"].outputs
    free = {name: (dtype, ("n", *shape[1:])) for name, (dtype, shape) in outputs.items()}
    sessions["teacher"] = replace(sessions["teacher"], outputs=free, captures=True)
    with pytest.raises(ProviderError, match="class_id, lh has a free shape"):
        InferencePipeline(sessions, bundle.banks)


@pytest.mark.parametrize(
    ("provider", "version", "own"),
    [
        ("cuda", "1.31.0", True),
        ("cuda", "1.20.1", True),
        ("cuda", "1.19.2", False),
        ("tensorrt", "1.31.0", False),
        ("cpu", "1.31.0", False),
    ],
)
def test_networks_in_float16_have_options_on_a_gpu(provider, version: str, own: bool) -> None:
    assert bool(float16_options(provider, version)) is own
