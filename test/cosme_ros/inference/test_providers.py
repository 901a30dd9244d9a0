# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import importlib.util
import logging
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from helpers.tiny_bundle import street_frame, write_tiny_bundle

from cosme_ros.bundle.graph_file import GraphFile
from cosme_ros.bundle.loading import load_bundle
from cosme_ros.inference import providers, sessions
from cosme_ros.inference.detector import Detector
from cosme_ros.inference.provider_settings import PROVIDERS, check_device, with_device
from cosme_ros.inference.providers import ProviderError, SessionRequest, check_assignment
from cosme_ros.inference.sessions import ModelError, open_session, open_sessions
from cosme_ros.inference.tensorrt_cache import engine_cache_folder, engine_cache_name


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")


def runs_here(provider: str, folder: Path) -> bool:
    try:
        open_session(folder / "memory.onnx", provider)
    except ProviderError:
        return False
    return True


def test_a_session_describes_and_runs_its_graph(folder: Path) -> None:
    session = open_session(folder / "student.onnx", "cpu", threads=1)
    assert session.provider == "cpu"
    assert session.inputs == {"image": ("uint8", (1, "h", "w", 3))}
    assert session.outputs == {"student_c5": ("float32", (1, 8, 8, 12))}
    out = session.run({"image": street_frame(36, 64)[np.newaxis]})
    assert list(out) == ["student_c5"]
    assert out["student_c5"].shape == (1, 8, 8, 12)


def test_memory_is_returned_to_arenas_that_onnx_runtime_knows(folder: Path) -> None:
    """It has cpu and gpu, and refuses any other name: every frame of a new size would fail."""
    on_cpu = open_session(folder / "student.onnx", "cpu", threads=1)
    assert on_cpu.arenas == "cpu:0"
    assert replace(on_cpu, provider="cuda").arenas == "cpu:0;gpu:0"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_named_provider_runs_the_graphs_or_says_why_not(folder: Path, provider: str) -> None:
    bundle = load_bundle(folder)
    image = street_frame(360, 640, box=(280, 240, 80, 60), seed=4)
    try:
        detector = Detector(bundle, provider=provider)
    except ProviderError as error:
        assert provider != "cpu"
        assert provider in str(error).lower()
        assert "install" in str(error) or "in place of onnxruntime" in str(error)
        return
    assert detector.provider == provider
    found, expected = detector.detect(image), Detector(bundle, provider="cpu").detect(image)
    # A provider on its own hardware may compute in bfloat16: 8 bits, in a product of four factors.
    scale = expected.raw_score_grid.max()
    assert np.abs(found.raw_score_grid - expected.raw_score_grid).max() < 0.05 * scale


@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
def test_what_onnxruntime_was_built_without_is_told_with_a_remedy(
    folder: Path, provider: str
) -> None:
    names = {"cuda": "CUDAExecutionProvider", "tensorrt": "TensorrtExecutionProvider"}
    if names[provider] in ort.get_available_providers():
        pytest.skip(f"this ONNX Runtime was built with {provider}")
    sentence = f"{ort.__version__} here was built without {provider}; install onnxruntime-gpu"
    with pytest.raises(ProviderError, match=sentence):
        open_session(folder / "teacher.onnx", provider)


def test_openvino_without_a_device_is_told_with_a_remedy(folder: Path) -> None:
    if importlib.util.find_spec("onnxruntime_ep_openvino") is None:
        pytest.skip("the plug-in onnxruntime-ep-openvino is not installed")
    if runs_here("openvino", folder):
        pytest.skip("OpenVINO has a device here")
    for _ in range(2):  # registered once a process: the second try must not fail otherwise
        with pytest.raises(ProviderError, match=r"finds no device here.*31981"):
            open_session(folder / "teacher.onnx", "openvino")


def test_an_unknown_provider_is_told_the_known_ones(folder: Path) -> None:
    with pytest.raises(ProviderError, match=f"'rocm'; known are {', '.join(PROVIDERS)}"):
        open_session(folder / "teacher.onnx", "rocm")
    with pytest.raises(ProviderError, match=f"'rocm'; known are {', '.join(PROVIDERS)}"):
        Detector(load_bundle(folder), provider="rocm")


def test_threads_below_zero_are_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match="threads is -1; 0"):
        open_session(folder / "teacher.onnx", "cpu", threads=-1)


def test_threads_run_on_the_processors_that_affinity_names(folder: Path) -> None:
    def places() -> dict[str, set[int]]:
        return {
            thread: os.sched_getaffinity(int(thread)) for thread in os.listdir("/proc/self/task")
        }

    last = os.cpu_count() or 1
    if last < 2 or len(os.sched_getaffinity(0)) < last:
        pytest.skip("this process may not run on two processors of its choice")
    before = places()
    session = open_session(folder / "teacher.onnx", "cpu", threads=2, affinity=str(last))
    # A thread goes to its place itself, when it begins: after a run it has.
    session.run({"image": street_frame(512, 512)[np.newaxis]})
    made = [where for thread, where in places().items() if thread not in before]
    assert made == [{last - 1}]


@pytest.mark.parametrize(
    ("affinity", "threads", "sentence"),
    [
        ("1", 0, "places 1 threads and threads is 0; a part for each thread but the first"),
        ("1;1", 2, "places 2 threads and threads is 2"),
        ("1;", 3, "'' names no processors"),
        ("0", 2, "'0' is not among this machine's processors, 1 to"),
        ("1-100000", 2, "'1-100000' is not among this machine's processors, 1 to"),
        ("all", 2, "'all' names no processors"),
    ],
)
def test_an_affinity_that_cannot_be_is_told(
    folder: Path, affinity: str, threads: int, sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        open_session(folder / "teacher.onnx", "cpu", threads=threads, affinity=affinity)


def test_auto_takes_the_first_that_runs_and_says_why_not_the_others(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "cosme_ros.inference.sessions")
    sessions = open_sessions({"memory": folder / "memory.onnx"}, "auto")
    first = next(provider for provider in PROVIDERS if runs_here(provider, folder))
    assert sessions["memory"].provider == first
    (message,) = [
        r.getMessage() for r in caplog.records if r.getMessage().startswith("execution provider")
    ]
    assert message.startswith(f"execution provider {first} runs the graphs")
    for earlier in PROVIDERS[: PROVIDERS.index(first)]:
        assert f"{earlier}: " in message


def test_auto_does_not_hide_a_damaged_graph(folder: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "teacher.onnx"
    damaged.write_bytes((folder / "teacher.onnx").read_bytes()[:-10])
    with pytest.raises(ModelError, match=r"teacher.onnx cannot be opened"):
        open_sessions({"teacher": damaged}, "auto")


def test_a_provider_that_onnxruntime_dropped_in_silence_is_an_error(folder: Path) -> None:
    on_cpu = ort.InferenceSession(str(folder / "memory.onnx"), providers=["CPUExecutionProvider"])
    with pytest.raises(ProviderError, match=r"cuda is built into .* did not start: .* install"):
        providers.require_started(on_cpu, "cuda")


def test_costly_operators_on_another_provider_are_an_error() -> None:
    cuda, cpu = "CUDAExecutionProvider", "CPUExecutionProvider"
    check_assignment([(cuda, "Conv"), (cpu, "Shape"), (cpu, "Cast")], "cuda", "a.onnx")
    with pytest.raises(ProviderError, match=r"cuda took no node of a.onnx; install"):
        check_assignment([(cpu, "Shape")], "cuda", "a.onnx")
    with pytest.raises(ProviderError, match=r"only a part of a.onnx and leaves FusedConv on CPU"):
        check_assignment([(cuda, "MatMul"), (cpu, "FusedConv")], "cuda", "a.onnx")
    with pytest.raises(ProviderError, match="leaves MatMul on CUDA"):
        check_assignment(
            [("TensorrtExecutionProvider", "Conv"), (cuda, "MatMul")], "tensorrt", "a.onnx"
        )


@pytest.fixture(params=["asked", "profiled"])
def way_to_know(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """ONNX Runtime 1.24 tells what it assigned; before, only a profile shows it."""
    question = "get_provider_graph_assignment_info"
    has_question = hasattr(ort.InferenceSession, question)
    if request.param == "profiled" and has_question:
        owner = next(c for c in ort.InferenceSession.__mro__ if question in vars(c))
        monkeypatch.delattr(owner, question)
    elif request.param == "asked" and not has_question:
        pytest.skip(f"ONNX Runtime {ort.__version__} cannot be asked")
    yield request.param


@pytest.mark.parametrize(("graph", "operator"), [("teacher", "Conv"), ("memory", "MatMul")])
def test_both_ways_to_know_the_assignment_agree(
    folder: Path,
    way_to_know: str,
    graph: str,
    operator: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    file = folder / f"{graph}.onnx"
    _, assigned = sessions._open_and_ask(
        GraphFile(file, file.read_bytes()), ort.SessionOptions(), ["CPUExecutionProvider"], "cpu"
    )
    assert {name for name, _ in assigned} == {"CPUExecutionProvider"}
    # Fused or not: a profile sees what the optimiser made of the operators.
    assert any(operator in found for _, found in assigned)
    assert not list(tmp_path.iterdir()), "the profile stays nowhere"
    check_assignment(assigned, "cpu", f"{graph}.onnx")


def test_an_engine_belongs_to_one_bundle_one_tensorrt_and_one_gpu() -> None:
    name = engine_cache_name("0123456789abcdef" * 4, "101300", "NVIDIA Orin (nvgpu)/0")
    assert name == "0123456789abcdef-tensorrt101300-NVIDIA-Orin-nvgpu-0"
    others = {
        engine_cache_name("1" * 64, "101300", "NVIDIA Orin (nvgpu)/0"),
        engine_cache_name("0123456789abcdef" * 4, "101400", "NVIDIA Orin (nvgpu)/0"),
        engine_cache_name("0123456789abcdef" * 4, "101300", "NVIDIA Thor"),
    }
    assert len(others | {name}) == 4


def test_engines_lie_beside_the_bundle_where_there_is_tensorrt(tmp_path: Path) -> None:
    bundle = tmp_path / "tiny"
    bundle.mkdir()
    try:
        folder = engine_cache_folder(bundle, "a" * 64)
    except ProviderError as error:
        assert "libnvinfer" in str(error) or "NVIDIA driver" in str(error)
        return
    assert folder.parent == tmp_path / "tiny.engines"
    assert folder.name.startswith("a" * 16 + "-tensorrt")


def test_the_providers_of_gpus_are_given_the_number_of_one() -> None:
    assert with_device({}, "cuda", 2) == {"device_id": "2"}
    assert with_device({"prefer_nhwc": "1"}, "tensorrt", 1) == {
        "device_id": "1",
        "prefer_nhwc": "1",
    }
    assert with_device({"device_id": "3"}, "cuda", 1) == {"device_id": "3"}  # the user's own wins
    for provider in PROVIDERS:
        assert with_device({"a": "b"}, provider, 0) == {"a": "b"}


def test_a_session_is_given_the_device_and_what_tensorrt_leaves_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What ONNX Runtime would be given: there are no GPUs where the tests run."""
    names = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(ort, "get_available_providers", lambda: names)
    own = with_device({}, "cuda", 1)
    cuda = providers.PREPARATIONS["cuda"](SessionRequest(ort.SessionOptions(), 0, own, None, False))
    assert cuda == [("CUDAExecutionProvider", {"device_id": "1"}), "CPUExecutionProvider"]
    for cache in (None, lambda: tmp_path):
        request = SessionRequest(ort.SessionOptions(), 0, own, cache, False)
        prepared = providers.PREPARATIONS["tensorrt"](request)
        assert prepared[0][0] == names[0] and prepared[0][1]["device_id"] == "1"
        assert prepared[1] == (names[1], {"device_id": "1"})
        assert prepared[2] == names[2]


@pytest.mark.parametrize("provider", ["cpu", "openvino"])
def test_another_device_than_a_gpu_has_no_number(folder: Path, provider: str) -> None:
    with pytest.raises(ProviderError, match=f"device is 1, but provider {provider} has no numb"):
        open_session(folder / "teacher.onnx", provider, device=1)


def test_no_number_of_a_device_ever_falls_back_to_the_cpu(folder: Path) -> None:
    with pytest.raises(ProviderError, match="no execution provider runs the graphs"):
        Detector(load_bundle(folder), provider="auto", device_index=200)


@pytest.mark.parametrize(
    ("device", "count", "words"),
    [(1, 1, "there is 1 GPU, number 0"), (4, 2, "2 GPUs, numbers 0 to 1"), (1, 0, "no GPU")],
)
def test_the_number_of_a_gpu_that_is_not_there_is_said(device: int, count: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        check_device(device, count)
    check_device(device, device + 1)
    check_device(device, None)


def test_a_negative_device_is_refused() -> None:
    with pytest.raises(ValueError, match="from 0, is right"):
        with_device({}, "cuda", -1)
