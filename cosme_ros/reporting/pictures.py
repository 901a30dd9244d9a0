# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Pictures of a replay: what the camera saw, what the detector found of it, and what is true."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from cosme_ros.messages.images import BgrImage
from cosme_ros.postprocessing.static_mask import StaticMask, looked_at
from cosme_ros.replay.recording import Output
from cosme_ros.replay.runner import CONTACT_SHEET, PICTURES
from cosme_ros.reporting.html import Thumbnail
from cosme_ros.visualization.panels import (
    FrameView,
    Region,
    jpeg,
    legend,
    outlined,
    panel,
    title,
    write_picture,
)

_TILE_WIDTH = 1024
_THUMBNAIL_WIDTH = 320
_COLUMNS = 2
_GAP = 12
_PAPER = 248


@dataclass(frozen=True)
class ChosenFrame:
    """A frame to be looked at, and why.

    Attributes:
        stamp: nanoseconds.
        frame: counted from 0 in the order of playing.
        caption: what it shows.
        note: what came of it.
        focus: what is to be shown enlarged; None for nothing.
    """

    stamp: int
    frame: int
    caption: str
    note: str
    focus: Region | None = None


def view_of(output: Output, static_mask: StaticMask | None = None) -> FrameView:
    """Return what is to be shown of a recorded frame."""
    return FrameView(
        output.image,
        output.score,
        output.mask,
        output.label,
        looked_at(static_mask, output.score),
    )


def draw_chosen(
    folder: Path,
    outputs: Iterable[Output],
    chosen: Sequence[ChosenFrame],
    *,
    heading: str,
    static_mask: StaticMask | None = None,
) -> tuple[Thumbnail, ...]:
    """Draw the chosen frames in full size, and the contact sheet of them all.

    Writes to `folder`: CONTACT_SHEET, and PICTURES/frame_NNNN.png with frame_NNNN_overlay.png, the
    overlay as published.

    Args:
        folder: that receives them.
        outputs: of all frames; those that are not chosen are passed over.
        chosen: in the order of the contact sheet; a frame may be chosen for two reasons.
        heading: of the contact sheet.
        static_mask: of the camera; what it hides is hatched.

    Returns:
        The same for a page, in the order of `chosen`.
    """
    (folder / PICTURES).mkdir(parents=True, exist_ok=True)
    tiles: dict[int, BgrImage] = {}
    thumbnails: dict[int, Thumbnail] = {}
    judged = True
    for output in outputs:
        for place, choice in enumerate(chosen):
            if choice.stamp != output.stamp:
                continue
            view = view_of(output, static_mask)
            judged = judged and view.label is not None
            large = panel(view, caption=choice.caption, note=choice.note)
            stem = folder / PICTURES / f"frame_{choice.frame:04d}"
            write_picture(stem.with_suffix(".png"), large)
            if output.overlay is not None:
                write_picture(stem.with_name(f"{stem.name}_overlay.png"), output.overlay)
            tiles[place] = panel(
                view,
                caption=choice.caption,
                note=choice.note,
                width=_TILE_WIDTH,
                focus=choice.focus or _middle(view),
                with_legend=False,
            )
            thumbnails[place] = Thumbnail(
                f"frame{place}",
                jpeg(outlined(view, width=_THUMBNAIL_WIDTH)),
                jpeg(large),
                f"{choice.caption}. Frame {choice.frame}: {choice.note}",
            )
    if tiles:
        hidden = static_mask is not None and static_mask.hidden_share > 0
        sheet = contact_sheet(
            [tiles[place] for place in sorted(tiles)], heading, judged=judged, hidden=hidden
        )
        write_picture(folder / CONTACT_SHEET, sheet)
    return tuple(thumbnails[place] for place in sorted(thumbnails))


def contact_sheet(
    tiles: Sequence[BgrImage], heading: str, *, judged: bool, hidden: bool = False
) -> BgrImage:
    """Lay out tiles in two columns, under a heading and over what the colours mean.

    Args:
        tiles: each uint8 [h, w, 3] BGR; they are brought to the size of the first.
        heading: above all.
        judged: whether there is a truth that the legend has to name.
        hidden: whether some of the tiles is not looked at.

    Returns:
        uint8 [h, w, 3] BGR.
    """
    height, width = tiles[0].shape[:2]
    columns = min(_COLUMNS, len(tiles))
    rows = -(-len(tiles) // columns)
    body = np.full((rows * (height + _GAP), columns * (width + _GAP) - _GAP, 3), _PAPER, np.uint8)
    for place, tile in enumerate(tiles):
        if tile.shape != tiles[0].shape:
            shrunk = cv2.resize(tile, (width, height), interpolation=cv2.INTER_AREA)
            tile = np.asarray(shrunk, np.uint8)
        # Column by column: a drive is read from top to bottom.
        column, row = divmod(place, rows)
        top, left = row * (height + _GAP), column * (width + _GAP)
        body[top : top + height, left : left + width] = tile
    unit = 1.3
    sheet = np.vstack(
        [
            title(heading, "", body.shape[1], unit),
            body,
            legend(body.shape[1], unit, judged=judged, hidden=hidden),
        ]
    )
    framed = cv2.copyMakeBorder(
        sheet, _GAP, _GAP, _GAP, _GAP, cv2.BORDER_CONSTANT, value=(_PAPER,) * 3
    )
    return np.asarray(framed, np.uint8)


def _middle(view: FrameView) -> Region:
    """Return the middle of the road ahead, which is enlarged if there is nothing else to show."""
    height, width = view.image.shape[:2]
    side = height // 2
    return Region((width - side) // 2, height // 3, side, side)
