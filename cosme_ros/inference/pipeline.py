# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The three graphs of a bundle as one: what they exchange never leaves the device."""

import itertools
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

import numpy as np

from cosme_ros.inference.frame_sizes import FrameSizes
from cosme_ros.inference.providers import ProviderError
from cosme_ros.inference.sessions import Session
from cosme_ros.messages.image_orientation import AS_IT_IS, ImageOrientation

_IMAGE = "image"
# While a session records, nothing else may ask the GPU for memory. The first run warms up, the
# next one or two record, by the version of ONNX Runtime.
_RECORDING_RUNS = 3
_NOT_RECORDED = -1  # ONNX Runtime's number for a run that is neither recorded nor replayed
_MOST_SHAPES = 8  # of frames, that have a place on the GPU at the same time


@dataclass(frozen=True, eq=False)
class _Wired:
    """A session, and the binding that holds its tensors."""

    session: Session
    binding: Any
    kept: Mapping[str, Any]
    """Outputs of fixed shape: OrtValues made once, written over in every frame."""

    def run(self, recording: int = 0, *, give_back: bool = False) -> dict[str, Any]:
        """Return outputs by name, OrtValues on the session's device.

        Args:
            recording: As in `run_bound`.
            give_back: As in `run_bound`.
        """
        for name in self.session.outputs.keys() - self.kept.keys():
            # Else the value of the last frame is written over, and has perhaps another shape.
            self.binding.bind_output(name, self.session.device, self.session.device_index)
        self.session.run_bound(self.binding, recording, give_back=give_back)
        return dict(zip(self.session.outputs, self.binding.get_outputs(), strict=True))


@dataclass
class _Place:
    """Where every frame of one shape goes on a GPU, and the number of what is recorded there."""

    image: Any
    recording: int
    runs: int = 0


class InferencePipeline:
    """Runs teacher, student and memory on one image after the other.

    Features stay on the provider's device, in buffers made once, and memory reads them where
    teacher and student wrote them. The banks are brought there once.

    Args:
        sessions: the three graphs by name, all on one provider.
        banks: what memory takes beside the outputs of teacher and student, by name.
        orientation: turns images upright for the graphs; their outputs are turned back.

    Raises:
        ProviderError: the sessions record graphs of which an output has a free shape.
    """

    def __init__(
        self,
        sessions: Mapping[str, Session],
        banks: Mapping[str, np.ndarray],
        *,
        orientation: ImageOrientation = AS_IT_IS,
    ) -> None:
        self._orientation = orientation
        self._device = sessions["memory"].device
        self._memory_session = sessions["memory"]
        self._teacher, self._student, self._memory = (
            _wired(sessions[graph]) for graph in ("teacher", "student", "memory")
        )
        # ONNX Runtime reads an array where it lies, and up to 1.23 does not keep it there.
        self._banks: dict[str, np.ndarray] = {}
        self._bank_values: dict[str, Any] = {}
        self._bind_banks(banks)
        fixed = {**self._teacher.kept, **self._student.kept}
        for name in fixed.keys() & sessions["memory"].inputs.keys():
            self._memory.binding.bind_ortvalue_input(name, fixed[name])
        self._captures = any(session.captures for session in sessions.values())
        for wired in (self._teacher, self._student, self._memory) if self._captures else ():
            if free := wired.session.outputs.keys() - wired.kept.keys():
                raise ProviderError(
                    f"{', '.join(sorted(free))} has a free shape, and a recorded graph writes "
                    "where it wrote before; leave enable_cuda_graph out of runtime_options"
                )
        self._renewed = sessions["memory"].inputs.keys() - fixed.keys() - banks.keys()
        self._places: dict[tuple[int, ...], _Place] = {}
        self._numbers = itertools.count(1)
        self._sizes = FrameSizes()
        # Two graphs at a time fill a GPU better than one. A processor's cores are kept busy by one,
        # and two would push each other out of its caches.
        self._beside = _thread("cosme_student") if self._device != "cpu" else None
        # What ONNX Runtime records it replays in the thread that recorded it, and in no other.
        self._recorder = _thread("cosme_graphs") if self._captures else None
        self._one_at_a_time = threading.Lock()

    def run(
        self, image: np.ndarray, banks: Mapping[str, np.ndarray] | None = None
    ) -> dict[str, np.ndarray]:
        """Return the outputs of memory and the teacher's class_id by name, in arrays of their own.

        Args:
            image: uint8 [H, W, 3] BGR, any size.
            banks: used for this image alone, by name; None for those that are set.
        """
        if self._recorder is None:
            return self._run(image, banks)
        return self._recorder.submit(self._run, image, banks).result()

    def features(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """Return the outputs of teacher and student by name, in arrays of their own.

        Args:
            image: uint8 [H, W, 3] BGR, any size.
        """
        if self._recorder is None:
            return self._run_networks(image)
        return self._recorder.submit(self._run_networks, image).result()

    @property
    def banks(self) -> dict[str, np.ndarray]:
        """Return the banks by name."""
        return dict(self._banks)

    def set_banks(self, banks: Mapping[str, np.ndarray]) -> None:
        """Replace banks by name; those not given stay. A frame under way ends with the old ones."""
        with self._one_at_a_time:
            self._bind_banks(banks)
            # What was recorded reads the banks where they were, and has their size.
            self._places.clear()

    def _bind_banks(self, banks: Mapping[str, np.ndarray]) -> None:
        for name, bank in banks.items():
            self._banks[name] = np.ascontiguousarray(bank)
            self._bank_values[name] = self._memory_session.value_of(self._banks[name])
            self._memory.binding.bind_ortvalue_input(name, self._bank_values[name])

    def _run_networks(self, image: np.ndarray) -> dict[str, np.ndarray]:
        frame = self._upright(image)
        with self._one_at_a_time:
            recording, beside = self._bind_image(frame)
            made = self._features(frame, recording, beside=beside)
            return {name: self._copied(value) for name, value in made.items()}

    def _run(
        self, image: np.ndarray, banks: Mapping[str, np.ndarray] | None
    ) -> dict[str, np.ndarray]:
        frame = self._upright(image)  # held here, while it is read
        with self._one_at_a_time:  # the buffers hold one frame
            recording, beside = self._bind_image(frame)
            made = self._features(frame, recording, beside=beside)
            for name in self._renewed:
                self._memory.binding.bind_ortvalue_input(name, made[name])
            scored = self._memory.run(recording) if banks is None else self._run_with_banks(banks)
            found = {**scored, "class_id": made["class_id"]}
            return {name: self._copied(value) for name, value in found.items()}

    def _upright(self, image: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(self._orientation.upright(image))[np.newaxis]

    def _copied(self, value: Any) -> np.ndarray:
        """Return an output, [..., h, w], as it lies in the camera's image."""
        # On the CPU numpy() shows the buffer itself, which the next frame writes over.
        shown = value.numpy()
        return self._orientation.as_camera(shown) if self._orientation.turns else np.array(shown)

    def _run_with_banks(self, banks: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """Return memory's outputs with other banks; what was recorded stays valid."""
        arrays = {name: np.ascontiguousarray(bank) for name, bank in banks.items()}  # held here
        try:
            for name, bank in arrays.items():
                self._memory.binding.bind_ortvalue_input(name, self._memory_session.value_of(bank))
            return self._memory.run(_NOT_RECORDED)
        finally:
            for name in arrays:
                self._memory.binding.bind_ortvalue_input(name, self._bank_values[name])

    def _features(self, frame: np.ndarray, recording: int, *, beside: bool) -> dict[str, Any]:
        """Return the outputs of teacher and student for the bound image."""
        give_back = self._sizes.returns_memory(frame.shape)
        if self._beside is None:
            made = self._teacher.run(recording, give_back=give_back)
            return made | self._student.run(recording, give_back=give_back)
        student = self._beside.submit(self._student.run, recording, give_back=give_back)
        if not beside:
            wait([student])
        try:
            made = self._teacher.run(recording, give_back=give_back)
        finally:
            wait([student])
        return made | student.result()

    def _bind_image(self, frame: np.ndarray) -> tuple[int, bool]:
        """Return the number of the recording that reads it; whether graphs may run in parallel."""
        if self._device == "cpu":
            for wired in (self._teacher, self._student):
                wired.binding.bind_cpu_input(_IMAGE, frame)
            return 0, True
        place = self._places.get(frame.shape)
        if place is None:
            if len(self._places) == _MOST_SHAPES:
                del self._places[next(iter(self._places))]
            # A number is never given twice: what it recorded reads where the image was.
            place = _Place(self._teacher.session.value_of(frame), next(self._numbers))
            self._places[frame.shape] = place
        else:
            place.image.update_inplace(frame)
        for wired in (self._teacher, self._student):
            wired.binding.bind_ortvalue_input(_IMAGE, place.image)
        place.runs += 1
        return place.recording, not self._captures or place.runs > _RECORDING_RUNS


def _thread(name: str) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix=name)


def _wired(session: Session) -> _Wired:
    binding = session.binding()
    kept = {}
    for name, (dtype, shape) in session.outputs.items():
        # All are bound here, in the order in which the binding will give them back.
        fixed = [length for length in shape if isinstance(length, int)]
        if len(fixed) == len(shape):
            kept[name] = session.empty_value(dtype, fixed)
            binding.bind_ortvalue_output(name, kept[name])
        else:
            binding.bind_output(name, session.device, session.device_index)
    return _Wired(session, binding, kept)
