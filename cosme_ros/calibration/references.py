# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What normal frames are like: the references of health and of explanations, for a manifest."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosme_ros.bundle.loading import PROTOTYPE_PICTURES, Bundle
from cosme_ros.bundle.writing import write_manifest
from cosme_ros.explanation.part_reference import PartSamples
from cosme_ros.explanation.prototype_pictures import PrototypePictureMaker
from cosme_ros.explanation.score_parts import samples_of
from cosme_ros.health.measures import frame_measures
from cosme_ros.health.reference import FEWEST_FRAMES, reference_record
from cosme_ros.inference.detector import Detector
from cosme_ros.postprocessing.static_mask import StaticMask


class ReferenceSurvey:
    """Measures normal frames one after the other.

    Args:
        detector: of the bundle.
        static_mask: what it hides is not measured.
        pictures: whether pictures of the prototypes are made.
    """

    def __init__(
        self,
        detector: Detector,
        static_mask: StaticMask | None = None,
        *,
        pictures: bool = False,
    ) -> None:
        self._detector = detector
        self._static_mask = static_mask
        self._measures: list[NDArray[np.float64]] = []
        self._samples = PartSamples()
        self._pictures = PrototypePictureMaker(detector.banks) if pictures else None

    def add(self, image: NDArray[np.uint8]) -> None:
        """Take in a normal frame, uint8 [H, W, 3] BGR. Raises ScoreFault."""
        detector, mask = self._detector, self._static_mask
        grids = detector.detect(image).grids
        outputs = detector.network_outputs(image)
        self._measures.append(
            frame_measures(image, grids, input_size=detector.bundle.input_size, static_mask=mask)
        )
        size = grids["score"].shape
        self._samples.add(
            samples_of(detector.bundle.manifest, grids, outputs),
            None if mask is None else mask.places(*size),
        )
        if self._pictures is not None:
            self._pictures.add(image, detector.remembered(outputs))

    def write(self) -> Bundle:
        """Write the references into the bundle's manifest, and the pictures beside it.

        Raises:
            ValueError: there were too few frames.
        """
        bundle = self._detector.bundle
        health = reference_record(self._measures)
        if health is None:
            raise ValueError(
                f"{len(self._measures)} normal frames are too few; {FEWEST_FRAMES} at least are "
                "right, of all light and places"
            )
        manifest: dict[str, Any] = dict(bundle.manifest)
        parts = self._samples.record()
        manifest["calibration"] = {
            **manifest["calibration"],
            "health": health,
            **({} if parts is None else {"parts": parts}),
        }
        if self._pictures is not None:
            file: Path = self._pictures.write(bundle.path)
            digest = hashlib.sha256(file.read_bytes()).hexdigest()
            manifest["files"] = {**manifest["files"], PROTOTYPE_PICTURES: {"sha256": digest}}
        write_manifest(bundle.path, manifest)
        return bundle
