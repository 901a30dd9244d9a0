# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Recorded graphs (CUDA graphs) read and write where they did when they were recorded.

There may be no GPU here, so the sessions are replayed by their rule: a run under a number that was
recorded before uses the memory of that recording, whatever is bound now. A chain that handed them
an image of another place would score a picture of long ago. A recording is known to the thread that
made it, and nothing else may run while it is made.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock, get_ident
from time import sleep
from types import SimpleNamespace

import numpy as np
import pytest

from cosme_ros.inference.pipeline import (
    _MOST_SHAPES,
    _NOT_RECORDED,
    _RECORDING_RUNS,
    InferencePipeline,
)


class Memory:
    """A tensor that stays where it is."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array.copy()

    def update_inplace(self, array: np.ndarray) -> None:
        assert array.shape == self.array.shape
        self.array[...] = array

    def numpy(self) -> np.ndarray:
        return self.array


class Binding:
    def __init__(self) -> None:
        self.inputs: dict[str, Memory] = {}
        self.outputs: dict[str, Memory] = {}

    def bind_ortvalue_input(self, name: str, value: Memory) -> None:
        self.inputs[name] = value

    def bind_ortvalue_output(self, name: str, value: Memory) -> None:
        self.outputs[name] = value

    def get_outputs(self) -> list[Memory]:
        return list(self.outputs.values())


class Gpu:
    """Refuses to run anything while something is recorded."""

    def __init__(self) -> None:
        self._running: list[bool] = []
        self._lock = Lock()

    @contextmanager
    def running(self, *, records: bool) -> Iterator[None]:
        with self._lock:
            if self._running and (records or any(self._running)):
                raise RuntimeError("something ran while a graph was recorded")
            self._running.append(records)
        try:
            sleep(0.002)  # time in which another could come
            yield
        finally:
            with self._lock:
                self._running.remove(records)


class RecordedSession:
    """Writes `compute(its inputs)` to its one or two outputs of shape [1, 1, 1, 1]."""

    device = "cuda"
    captures = True

    def __init__(
        self, compute, inputs: tuple[str, ...], outputs: tuple[str, ...], gpu: Gpu, log
    ) -> None:
        self.inputs = dict.fromkeys(inputs, ("float32", ()))
        self.outputs = dict.fromkeys(outputs, ("float32", (1, 1, 1, 1)))
        self._compute = compute
        self._recorded: dict[tuple[int, int], SimpleNamespace] = {}
        self._gpu = gpu
        self._log = log

    def binding(self) -> Binding:
        return Binding()

    def value_of(self, array: np.ndarray) -> Memory:
        return Memory(array)

    def empty_value(self, dtype: str, shape: list[int]) -> Memory:
        return Memory(np.zeros(shape, dtype))

    def run_bound(self, binding: Binding, recording: int, *, give_back: bool = False) -> None:
        self._log.append(recording)
        if recording == _NOT_RECORDED:
            with self._gpu.running(records=False):
                value = self._compute({name: kept.array for name, kept in binding.inputs.items()})
                for output in binding.outputs.values():
                    output.array[...] = value
            return
        recorded = self._recorded.setdefault(
            (get_ident(), recording),
            SimpleNamespace(inputs=dict(binding.inputs), outputs=dict(binding.outputs), runs=0),
        )
        recorded.runs += 1
        with self._gpu.running(records=recorded.runs <= _RECORDING_RUNS):
            value = self._compute({name: kept.array for name, kept in recorded.inputs.items()})
            for output in recorded.outputs.values():
                output.array[...] = value


@pytest.fixture
def runs() -> list[int]:
    return []


@pytest.fixture
def chain(runs) -> InferencePipeline:
    gpu = Gpu()
    sessions = {
        "teacher": RecordedSession(
            lambda x: x["image"].sum(), ("image",), ("lh", "class_id"), gpu, runs
        ),
        "student": RecordedSession(
            lambda x: x["image"].max(), ("image",), ("student_lh",), gpu, runs
        ),
        "memory": RecordedSession(
            lambda x: x["lh"] + 1000 * x["student_lh"] + x["bank_lh"].sum(),
            ("lh", "student_lh", "bank_lh"),
            ("score",),
            gpu,
            runs,
        ),
    }
    return InferencePipeline(sessions, {"bank_lh": np.array([0.25, 0.25], np.float32)})


def assert_scored(chain: InferencePipeline, image: np.ndarray) -> None:
    found = chain.run(image)
    wanted = float(image.sum()) + 1000 * float(image.max()) + 0.5
    assert found["score"].item() == wanted
    assert found["class_id"].item() == image.sum()


def test_every_frame_is_scored_by_itself_whatever_was_recorded(chain):
    """Sizes come and go, more of them than keep a place, and come back."""
    random = np.random.default_rng(0)
    sizes = [(2, 3 + n) for n in range(_MOST_SHAPES + 2)]
    for height, width in [*sizes, *sizes, sizes[0], sizes[0], sizes[-1], sizes[0]]:
        for _ in range(2):
            assert_scored(chain, random.integers(0, 256, (height, width, 3), np.uint8))


def test_a_frame_size_has_one_number_for_all_three_graphs(chain, runs):
    images = [np.ones((2, 3, 3), np.uint8), np.ones((4, 5, 3), np.uint8)]
    for image in (*images, *images):
        chain.run(image)
    assert runs == [1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2]


def test_while_it_is_recorded_one_graph_follows_the_other_and_then_two_run_at_a_time(
    chain, monkeypatch
):
    """Whoever asks the GPU for memory meanwhile breaks the recording."""
    teacher, student = chain._teacher.session, chain._student.session
    sum_of, largest_of = teacher._compute, student._compute
    at_a_time = []

    def watched(inputs):
        sleep(0.02)
        at_a_time.append(len(teacher._gpu._running))
        return sum_of(inputs)

    def slow(inputs):
        sleep(0.05)
        return largest_of(inputs)

    monkeypatch.setattr(teacher, "_compute", watched)
    monkeypatch.setattr(student, "_compute", slow)
    for run in range(1, _RECORDING_RUNS + 3):
        assert_scored(chain, np.full((2, 2, 3), run, np.uint8))
    assert at_a_time == [1] * _RECORDING_RUNS + [2, 2]


def test_what_was_recorded_is_replayed_whoever_asks(chain):
    """A node warms up in one thread, and works in another from each activation on."""
    for number in range(4):
        with ThreadPoolExecutor(1) as caller:
            for run in range(2):
                image = np.full((2, 2, 3), 10 * number + run, np.uint8)
                caller.submit(assert_scored, chain, image).result()
    for wired in (chain._teacher, chain._student, chain._memory):
        assert len(wired.session._recorded) == 1


def test_other_banks_are_recorded_anew(chain):
    image = np.ones((2, 3, 3), np.uint8)
    for _ in range(5):
        assert_scored(chain, image)
    for size in (2, 3):
        bank = np.full(size, 0.125, np.float32)
        chain.set_banks({"bank_lh": bank})
        bank[:] = 9  # what was given is no longer read
        for _ in range(5):
            assert chain.run(image)["score"].item() == 18 + 1000 + 0.125 * size
    chain.set_banks({"bank_lh": np.array([0.5], np.float32)})
    assert_scored(chain, image)


def test_banks_for_one_frame_leave_what_was_recorded(chain):
    other = {"bank_lh": np.full(4, 0.25, np.float32)}
    for number in range(6):
        image = np.full((2, 2, 3), number, np.uint8)
        assert chain.run(image, other)["score"].item() == 1012 * number + 1
        assert_scored(chain, image)
    assert len(chain._memory.session._recorded) == 1


def test_features_are_those_of_the_image_whatever_was_recorded(chain):
    for number in range(6):
        image = np.full((2, 2, 3), number, np.uint8)
        found = chain.features(image)
        assert found["lh"].item() == 12 * number
        assert found["student_lh"].item() == number
        assert "score" not in found
        assert_scored(chain, image)
