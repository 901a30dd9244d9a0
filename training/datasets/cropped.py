# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Labelled frames cut to another ratio of sides."""

from functools import partial

from training.datasets.interface import NamedSource, crop_to_aspect
from training.datasets.mapped_labelled_frames import MappedLabelledFrames


class Cropped(MappedLabelledFrames):
    """The middle of every frame of a source, as large as has the wanted ratio of sides.

    Args:
        source: labelled frames.
        height, width: of the wanted ratio, at least 1.
    """

    def __init__(self, source: NamedSource, height: int, width: int) -> None:
        super().__init__(source, partial(crop_to_aspect, height=height, width=width))
