"""Recorded graphs (CUDA graphs) read and write where they did when they were recorded.

There may be no GPU here, so the sessions are replayed by their rule: a run under a number that was
recorded before uses the memory of that recording, whatever is bound now. A chain that handed them
an image of another place would score a picture of long ago.
"""

from types import SimpleNamespace

import numpy as np
import pytest

from cosme_ros.graph_chain import _MOST_SHAPES, _RECORDING_RUNS, GraphChain


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


class RecordedSession:
    """Writes `compute(its inputs)` to its one or two outputs of shape [1, 1, 1, 1]."""

    device = "cuda"
    captures = True

    def __init__(self, compute, inputs: tuple[str, ...], outputs: tuple[str, ...], log) -> None:
        self.inputs = dict.fromkeys(inputs, ("float32", ()))
        self.outputs = dict.fromkeys(outputs, ("float32", (1, 1, 1, 1)))
        self._compute = compute
        self._recorded: dict[int, SimpleNamespace] = {}
        self._log = log

    def binding(self) -> Binding:
        return Binding()

    def value_of(self, array: np.ndarray) -> Memory:
        return Memory(array)

    def empty_value(self, dtype: str, shape: list[int]) -> Memory:
        return Memory(np.zeros(shape, dtype))

    def run_bound(self, binding: Binding, recording: int) -> None:
        self._log.append(recording)
        memory = self._recorded.setdefault(
            recording,
            SimpleNamespace(inputs=dict(binding.inputs), outputs=dict(binding.outputs)),
        )
        value = self._compute({name: kept.array for name, kept in memory.inputs.items()})
        for output in memory.outputs.values():
            output.array[...] = value


@pytest.fixture
def runs() -> list[int]:
    return []


@pytest.fixture
def chain(runs) -> GraphChain:
    sessions = {
        "teacher": RecordedSession(
            lambda x: x["image"].sum(), ("image",), ("lh", "class_id"), runs
        ),
        "student": RecordedSession(lambda x: x["image"].max(), ("image",), ("student_lh",), runs),
        "memory": RecordedSession(
            lambda x: x["lh"] + 1000 * x["student_lh"] + x["bank_lh"].sum(),
            ("lh", "student_lh", "bank_lh"),
            ("score",),
            runs,
        ),
    }
    return GraphChain(sessions, {"bank_lh": np.array([0.25, 0.25], np.float32)})


def assert_scored(chain: GraphChain, image: np.ndarray) -> None:
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


def test_while_it_is_recorded_one_graph_follows_the_other(chain, monkeypatch):
    """Whoever asks the GPU for memory meanwhile breaks the recording."""
    beside = []
    submit = chain._beside.submit
    monkeypatch.setattr(chain._beside, "submit", lambda *x: beside.append(x) or submit(*x))
    for run in range(1, _RECORDING_RUNS + 3):
        assert_scored(chain, np.full((2, 2, 3), run, np.uint8))
        assert len(beside) == max(0, run - _RECORDING_RUNS)
