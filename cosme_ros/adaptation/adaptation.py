# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Teaches an open detector what is normal: what the node and the command call.

A mark takes the features of the marked places, adds those to the banks that resemble no prototype
yet, and replaces the banks: MulMem (Eq. 4) is then near 0 there, and so is the score, which is its
product with AuxCon (Eq. 8), however high AuxCon is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from cosme_ros.adaptation.growth import new_prototypes
from cosme_ros.adaptation.guard import MarkRefused, check_mark, mark_figures
from cosme_ros.adaptation.journal import (
    Entry,
    Forgotten,
    Journal,
    Mark,
    Undone,
    adapted_banks,
    now,
)
from cosme_ros.adaptation.marks_file import (
    MarksError,
    existing_marks,
    read_marks,
    write_marks,
)
from cosme_ros.adaptation.places import marked_features, other_alarms
from cosme_ros.adaptation.recent_frames import RecentFrame, RecentFrames
from cosme_ros.adaptation.self_test import measure_cost
from cosme_ros.adaptation.silenced_alarms import other_alarms_after
from cosme_ros.inference.detector import Detector
from cosme_ros.inference.memory_features import BANK
from cosme_ros.postprocessing.obstacle_decision import ObstacleRule, decide_obstacles

SIMILARITY_THRESHOLD = 0.95
"""tau of Algorithm 1 for marks. docs/adaptation.md has the measurement that chose it."""

DRIVEN_OVER = "driven over"
"""Source of the marks that nobody made. They may add half of the limit: people have the rest."""

MOST_WAITING = 4
"""Requests at a time: a sender that floods a topic with masks must not fill the memory."""

_PICTURE_SIDE = 96  # pixels
_PICTURE_QUALITY = 80
_PICTURE_MARGIN = 16  # pixels of the camera image around what is marked


@dataclass(frozen=True)
class Answer:
    """What became of a request.

    Attributes:
        success: whether it was done.
        message: a sentence for people.
    """

    success: bool
    message: str


class Adaptation:
    """The marks of an open detector. May be used from any thread; one action at a time.

    Args:
        detector: its banks are replaced by each mark.
        path: of the marks file.
        journal: what the file holds.
        who: of new entries of the journal.
        limit: prototypes that marks may add to one layer, in all.
    """

    def __init__(
        self, detector: Detector, path: Path, journal: Journal, *, who: str, limit: int
    ) -> None:
        self._detector = detector
        self._path = path
        self._journal = journal
        self._who = who
        self._limit = limit
        self._cameras: dict[str, RecentFrames] = {}
        self._action = threading.Lock()
        self._waiting = threading.BoundedSemaphore(MOST_WAITING)
        self._unsaved = 0
        self.changes = 0
        """Rises whenever the banks are replaced."""
        self._apply()

    @property
    def marks(self) -> tuple[Mark, ...]:
        """Return the marks that hold, the oldest first."""
        return self._journal.active()

    @property
    def unsaved(self) -> int:
        """Return how many entries of the journal are not in the file."""
        return self._unsaved

    def remember(self, frame: RecentFrame) -> None:
        """Keep a frame that may be marked later, with what was detected in it."""
        # Another object for the same result: maps of camera size, once made, stay with theirs.
        fresh = frame.detection.with_raw_score(frame.detection.raw_score_grid)
        camera = self._cameras.setdefault(frame.camera, RecentFrames(self._detector.bundle))
        camera.add(replace(frame, detection=fresh))

    def mark_alarms(self, camera: str, *, guard: bool) -> Answer:
        """Mark what is above the alarm line in a camera's newest result.

        Args:
            camera: its name.
            guard: whether the guard may refuse.
        """

        def marked() -> str:
            frame = self._recent(camera).newest()
            if frame is None:
                raise MarkRefused("there is no result yet")
            mask = alarms(frame)
            if not mask.any():
                raise MarkRefused("nothing is above the alarm line in the newest result")
            return self._mark(frame, mask, "alarms", guard=guard)

        return self._answer(marked)

    def mark_pixels(
        self, camera: str, stamp: int, mask: NDArray[np.uint8], *, guard: bool
    ) -> Answer:
        """Mark pixels of a recent frame.

        Args:
            camera: its name.
            stamp: of the frame, nanoseconds.
            mask: uint8 [H, W], not 0 where the frame is normal; of the frame's size.
            guard: whether the guard may refuse.
        """

        def marked() -> str:
            frame = self._recent(camera).at(stamp)
            if frame is None:
                raise MarkRefused(
                    f"no recent frame has the stamp {stamp} ns; the mask must have the stamp of "
                    "one of the last frames that had a result"
                )
            if mask.shape != frame.image.shape[:2]:
                height, width = frame.image.shape[:2]
                raise MarkRefused(
                    f"the mask has {mask.shape[1]} x {mask.shape[0]} pixels; {width} x {height}, "
                    "as the frame has, is right"
                )
            if not mask.any():
                raise MarkRefused("the mask marks no pixel")
            return self._mark(frame, mask > 0, "mask", guard=guard)

        return self._answer(marked)

    def mark_driven_over(self, frame: RecentFrame, mask: NDArray[np.bool_]) -> Answer:
        """Mark pixels of a frame that the vehicle has driven over since. The guard may refuse.

        Args:
            frame: of a camera that had a result.
            mask: bool [H, W] of the frame's size, at least one pixel.
        """

        def marked() -> str:
            self._recent(frame.camera)  # the self-test needs what was stored of this camera
            return self._mark(frame, mask, DRIVEN_OVER, guard=True)

        return self._answer(marked)

    def undo(self) -> Answer:
        """Take the newest mark back."""

        def undone() -> str:
            if not self.marks:
                raise MarkRefused("there is no mark to undo")
            number = self.marks[-1].number
            self._enter(Undone(number, now(), self._who))
            return f"mark {number} is undone; {self._state()}"

        return self._answer(undone)

    def forget(self) -> Answer:
        """Take all marks back."""

        def forgotten() -> str:
            count = len(self.marks)
            if not count:
                raise MarkRefused("there is no mark to forget")
            self._enter(Forgotten(now(), self._who))
            return f"{count} {'mark is' if count == 1 else 'marks are'} forgotten; {self._state()}"

        return self._answer(forgotten)

    def save(self) -> Answer:
        """Write the marks file."""

        def saved() -> str:
            write_marks(self._path, self._journal, self._detector.bundle)
            self._unsaved = 0
            return f"{self._path} holds the journal; {self._state()}"

        return self._answer(saved)

    def _answer(self, action: Callable[[], str]) -> Answer:
        if not self._waiting.acquire(blocking=False):
            return Answer(
                False, f"{MOST_WAITING} requests are under way or wait already; try again later"
            )
        try:
            with self._action:
                return Answer(True, action())
        except (MarkRefused, MarksError) as error:
            return Answer(False, str(error))
        finally:
            self._waiting.release()

    def _recent(self, camera: str) -> RecentFrames:
        found = self._cameras.get(camera)
        if found is None:
            raise MarkRefused("there is no result yet")
        return found

    def _mark(
        self, frame: RecentFrame, mask: NDArray[np.bool_], source: str, *, guard: bool
    ) -> str:
        bundle = self._detector.bundle
        figures = mark_figures(mask, frame.detection, bundle)
        if guard:
            check_mark(figures)
        before = adapted_banks(bundle.banks, self.marks)
        others = other_alarms(mask, frame.detection.score)
        added = self._prototypes(frame, mask, others, before)
        self._check_limit(added, before, self._limit // 2 if source == DRIVEN_OVER else self._limit)
        mark = Mark(
            number=self._journal.next_number,
            when=now(),
            who=self._who,
            camera=frame.camera,
            stamp=frame.stamp,
            source=source,
            forced=not guard,
            figures=figures,
            prototypes=added,
            picture=_picture(frame.image, mask),
        )
        after = adapted_banks(bundle.banks, (*self.marks, mark))
        unmarked = others & alarms(frame)
        if source == DRIVEN_OVER:  # nobody reads the answer and takes it back
            effect = other_alarms_after(self._detector, frame.image, unmarked, after)
            if effect.silenced:
                raise MarkRefused(f"{effect.words()}: one of them may be an obstacle")
            self._enter(mark)
        else:
            self._enter(mark)
            effect = other_alarms_after(self._detector, frame.image, unmarked, after)
        cost = measure_cost(self._detector, self._recent(frame.camera).quiet(), before, after)
        count = sum(len(rows) for rows in added.values())
        taken = f"{figures.pixels} pixels, {count} prototypes in {len(added)} layers"
        sentences = [
            f"mark {mark.number}: {taken}",
            *([effect.words()] if effect.count else []),
            cost.sentence(),
            self._state(),
        ]
        return "; ".join(sentences)

    def _prototypes(
        self,
        frame: RecentFrame,
        mask: NDArray[np.bool_],
        others: NDArray[np.bool_],
        before: Mapping[str, NDArray[np.float32]],
    ) -> dict[str, NDArray[np.float32]]:
        """Return what a mark adds to each bank that it adds to."""
        marked = {
            f"{BANK}{layer}": marked_features(mask, features, others=others)
            for layer, features in self._detector.features(frame.image).items()
        }
        if not any(map(len, marked.values())):
            raise MarkRefused(
                "on every grid of the memory, what is marked lies in places that show another "
                "alarm too; mark both, or mark it in a frame that shows them further apart"
            )
        added = {}
        for name, features in marked.items():
            rows = new_prototypes(features, before[name], similarity_threshold=SIMILARITY_THRESHOLD)
            if len(rows):
                added[name] = rows
        if not added:
            raise MarkRefused("the memory holds all of this already, and nothing was added")
        return added

    def _check_limit(
        self,
        added: Mapping[str, NDArray[np.float32]],
        before: Mapping[str, NDArray[np.float32]],
        limit: int,
    ) -> None:
        for name, rows in added.items():
            total = len(before[name]) - len(self._detector.bundle.banks[name]) + len(rows)
            if total > limit:
                raise MarkRefused(
                    f"marks would add {total} prototypes to {name}, and at most {limit} may "
                    "be added; undo or forget marks, or fit the bundle anew with such frames"
                )

    def _enter(self, entry: Entry) -> None:
        self._journal.entries.append(entry)
        self._unsaved += 1
        self._apply()

    def _apply(self) -> None:
        self._detector.set_banks(adapted_banks(self._detector.bundle.banks, self.marks))
        self.changes += 1

    def _state(self) -> str:
        count = len(self.marks)
        unsaved = "" if self._unsaved == 0 else ", not saved yet"
        return f"{count} {'mark holds' if count == 1 else 'marks hold'}{unsaved}"


def open_adaptation(detector: Detector, path: Path, *, who: str, limit: int) -> Adaptation:
    """Read a marks file and bring its marks into a detector.

    Args:
        detector: of the bundle that the marks belong to.
        path: of the file; where there is none, nothing has been marked yet.
        who: of new entries of the journal.
        limit: as in Adaptation.

    Raises:
        MarksError: the file cannot be used.
    """
    journal = read_marks(path.expanduser(), detector.bundle)
    return Adaptation(detector, path.expanduser(), journal, who=who, limit=limit)


def apply_marks(detector: Detector, path: str) -> int:
    """Bring the marks of a file into a detector, to detect alone.

    Args:
        detector: of the bundle that the marks belong to.
        path: of the file, which must be there; empty for no marks.

    Returns:
        How many marks hold.

    Raises:
        MarksError: the file cannot be used.
    """
    if not path:
        return 0
    marks = existing_marks(Path(path), detector.bundle)
    detector.set_banks(adapted_banks(detector.bundle.banks, marks))
    return len(marks)


def alarms(frame: RecentFrame) -> NDArray[np.bool_]:
    """Return where a frame has obstacles by its rule, up to the alarm line; bool [H, W]."""
    rule: ObstacleRule = replace(frame.rule, outline="score")
    mask = decide_obstacles(frame.detection, frame.image, rule).mask
    return np.zeros(frame.image.shape[:2], bool) if mask is None else mask > 0


def _picture(image: NDArray[np.uint8], mask: NDArray[np.bool_]) -> bytes:
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    cut = image[
        max(0, y - _PICTURE_MARGIN) : y + height + _PICTURE_MARGIN,
        max(0, x - _PICTURE_MARGIN) : x + width + _PICTURE_MARGIN,
    ]
    scale = min(1.0, _PICTURE_SIDE / max(cut.shape[:2]))
    size = (max(1, round(cut.shape[1] * scale)), max(1, round(cut.shape[0] * scale)))
    small = cv2.resize(cut, size, interpolation=cv2.INTER_AREA)
    _, encoded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _PICTURE_QUALITY])
    return bytes(encoded)
