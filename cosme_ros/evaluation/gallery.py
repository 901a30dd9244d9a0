# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The few frames worth looking at, selected while a drive goes by."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from cosme_ros.visualization.panels import FrameView, jpeg, outlined, panel

MISS, LAPSE = "miss", "found in other frames"
FALSE_ALARM, ALARM, HIGHEST = "false alarm", "alarm", "highest score"
KINDS = (MISS, LAPSE, FALSE_ALARM, ALARM, HIGHEST)
_THUMBNAIL_WIDTH, _LARGE_WIDTH = 224, 1400


@dataclass(frozen=True)
class Picture:
    """One frame worth looking at."""

    kind: str
    bag: str
    group: int
    """Of pictures that would look alike; of a missed obstacle its number."""
    frame: int
    stamp: int
    rank: float
    """By which it was chosen among its kind."""
    caption: str
    thumbnail: bytes
    """JPEG: the frame with the outlines of the mask and of what is labelled."""
    large: bytes
    """JPEG: the same beside the score, with what the colours mean."""


class PictureBook:
    """Selects the `most` highest-ranking frames of each kind, one of a group.

    A group is what would look alike: the frames of one alarm, or of one missed obstacle.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._groups: dict[str, dict[int, Picture]] = {kind: {} for kind in KINDS}

    def offer(self, kind: str, group: int, rank: float, draw: Callable[[], Picture]) -> None:
        """Add a frame if it ranks high enough; `draw` is called only then."""
        kept = self._groups[kind]
        if group in kept:
            if rank > kept[group].rank:
                kept[group] = draw()
            return
        if len(kept) == self._most:
            lowest = min(kept, key=lambda place: (kept[place].rank, -place), default=None)
            if lowest is None or rank <= kept[lowest].rank:
                return
            del kept[lowest]
        kept[group] = draw()

    def move(self, source: str, target: str, group: int) -> None:
        """Offer the picture of a group, if there is one, as another kind."""
        picture = self._groups[source].pop(group, None)
        if picture is not None:
            moved = replace(picture, kind=target)
            self.offer(target, group, moved.rank, lambda: moved)

    def pictures(self, kind: str) -> list[Picture]:
        """Return the pictures of a kind, highest rank first."""
        return sorted(self._groups[kind].values(), key=lambda p: (-p.rank, p.bag, p.frame))


def draw_frame(view: FrameView, *, caption: str, note: str) -> tuple[bytes, bytes]:
    """Return thumbnail and large picture as JPEG, the latter under `caption` and `note`."""
    large = panel(view, caption=caption, note=note, width=_LARGE_WIDTH)
    return jpeg(outlined(view, width=_THUMBNAIL_WIDTH)), jpeg(large)
