# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""From a camera frame to anomaly scores: the three graphs of a bundle, one after the other."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cached_property

import cv2
import numpy as np

from cosme_ros.bundle.loading import (
    GRAPHS,
    NETWORKS,
    SCORE_MAPS,
    Bundle,
    BundleError,
    check_graph,
    read_graph,
)
from cosme_ros.inference.memory_features import checked_banks, memory_features
from cosme_ros.inference.pipeline import InferencePipeline
from cosme_ros.inference.runtime_options import NO_OPTIONS
from cosme_ros.inference.sessions import ModelError, open_sessions
from cosme_ros.inference.tensorrt_cache import engine_cache_folder
from cosme_ros.messages.image_orientation import AS_IT_IS, ImageOrientation

# A wheel or a face stretched by more than this is no longer what the teacher was trained on.
_ASPECT_TOLERANCE = 0.05

_log = logging.getLogger(__name__)


class ScoreFault(Exception):  # noqa: N818, the design calls it a fault
    """A score map holds NaN or infinity, or a score is below 0: this frame has no result."""


class Detection:
    """What was found in one frame of H x W pixels; maps are made when first asked for.

    The graphs score on the grid of the teacher's layer `lh`, [h_lh, w_lh]. Maps of camera size are
    resized from it with half-pixel centres, as inside the graphs: bilinear for scores, nearest for
    classes.
    """

    def __init__(
        self,
        maps: Mapping[str, np.ndarray],
        *,
        threshold: float,
        height: int,
        width: int,
        orientation: ImageOrientation = AS_IT_IS,
    ) -> None:
        """Check the outputs of the graphs.

        Args:
            maps: `mulmem`, `auxcon`, `score` float32 [1, 1, h_lh, w_lh], and `class_id` uint8
                [1, h_lh, w_lh].
            threshold: raw score at the alarm line, above 0.
            height: of the frame, in pixels.
            width: of the frame, in pixels.
            orientation: of the camera. The maps lie in its image as it is.

        Raises:
            ScoreFault: a score is NaN, infinite or below 0, which has no meaning: it must not be
                taken for a clear road.
        """
        grids = {name: maps[name][0, 0] for name in SCORE_MAPS}
        with np.errstate(over="ignore"):  # an overflow is infinity, and asked for below
            scaled = grids["score"] / np.float32(threshold)
        for name, grid in {**grids, "score over threshold": scaled}.items():
            finite = np.isfinite(grid)
            if not finite.all():
                raise ScoreFault(
                    f"{name} is NaN or infinite at {grid.size - int(finite.sum())} of "
                    f"{grid.size} places; the frame has no result"
                )
        lowest = float(scaled.min())
        if lowest < 0:
            raise ScoreFault(
                f"score is below 0 at {int((scaled < 0).sum())} of {scaled.size} places, "
                f"{lowest:.4g} alarm lines at the lowest; 0 or more is right, and the frame has "
                "no result"
            )
        self._maps = maps
        self.orientation = orientation
        """How the frame is turned for whoever has to know where up is."""
        self.threshold = threshold
        """Raw score at the alarm line."""
        self.size = (height, width)
        """Of the frame."""
        self.grids: Mapping[str, np.ndarray] = grids
        """`mulmem`, `auxcon` and the raw `score` as the graph gives them, float32 [h_lh, w_lh]."""
        self.class_grid: np.ndarray = maps["class_id"][0]
        """The teacher's class on the same grid, uint8 [h_lh, w_lh]."""
        self.raw_score_grid: np.ndarray = grids["score"]
        """CosMe score Upsilon (Eq. 8), float32 [h_lh, w_lh], 0 or more, no unit."""
        self.score_grid: np.ndarray = scaled
        """The same over the alarm threshold: `score` before it is enlarged."""

    def with_raw_score(self, raw_score_grid: np.ndarray) -> Detection:
        """Return the same detection with another score.

        Args:
            raw_score_grid: float32 [h_lh, w_lh], 0 or more, as the attribute of this name.

        Raises:
            ScoreFault: a score is NaN, infinite or below 0.
        """
        height, width = self.size
        return Detection(
            {**self._maps, "score": raw_score_grid[None, None]},
            threshold=self.threshold,
            height=height,
            width=width,
            orientation=self.orientation,
        )

    def with_threshold(self, threshold: float) -> Detection:
        """Return the same detection at another alarm line, a raw score above 0."""
        height, width = self.size
        return Detection(
            self._maps,
            threshold=threshold,
            height=height,
            width=width,
            orientation=self.orientation,
        )

    @cached_property
    def score(self) -> np.ndarray:
        """Return Upsilon (Eq. 8) over the alarm threshold, float32 [H, W].

        0 or more; 1.0 is the alarm line.
        """
        return self._resized(self.score_grid)

    @cached_property
    def mulmem(self) -> np.ndarray:
        """Return the MulMem score Gamma (Eq. 4) as the graph gives it, float32 [H, W]."""
        return self._resized(self.grids["mulmem"])

    @cached_property
    def auxcon(self) -> np.ndarray:
        """Return the AuxCon score Psi (Eq. 7) as the graph gives it, float32 [H, W]."""
        return self._resized(self.grids["auxcon"])

    @cached_property
    def class_id(self) -> np.ndarray:
        """Return the teacher's class, uint8 [H, W]: an index into `Bundle.classes`."""
        # INTER_NEAREST takes the cell at the pixel's corner; the exact one that at its centre.
        return self._resized(self.class_grid, cv2.INTER_NEAREST_EXACT)

    def _resized(self, grid: np.ndarray, interpolation: int = cv2.INTER_LINEAR) -> np.ndarray:
        height, width = self.size
        return np.asarray(cv2.resize(grid, (width, height), interpolation=interpolation))


def _check_image(image: np.ndarray) -> None:
    if not isinstance(image, np.ndarray):
        raise ValueError(f"the image is a {type(image).__name__}; a NumPy array is right")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise ValueError(
            f"the image is {image.dtype} {list(image.shape)}; uint8 [H, W, 3] BGR with at "
            "least one pixel is right"
        )


class Detector:
    """Runs a bundle on camera frames. The same image gives the same bits every time.

    Args:
        bundle: a verified bundle, see `load_bundle`.
        provider: 'auto' or one of `provider_settings.PROVIDERS`.
        false_positive_rate: share of normal pixels, in 0..1, that may reach the alarm line; within
            the bundle's calibration table. 0: the bundle's own, `Bundle.false_positive_rate`.
        threads: inside one operator; 0 for ONNX Runtime's default.
        affinity: on which processors they run, as in `sessions.open_session`.
        runtime_options: ONNX Runtime's own options, as in `sessions.open_session`.
        device_index: number of the GPU, from 0.
        orientation: turns images upright for the networks. All maps lie in the image as it is.

    Raises:
        BundleError: a graph is damaged or is not the manifest's.
        ProviderError: the provider does not run the graphs.
        ValueError: the rate is outside of the calibration table.

    >>> from cosme_ros.bundle.loading import load_bundle
    >>> detector = Detector(load_bundle("demo/bundle"), provider="cpu")
    >>> detector.detect(np.zeros((90, 160, 3), np.uint8)).score.shape
    (90, 160)
    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        provider: str = "auto",
        false_positive_rate: float = 0.0,
        threads: int = 0,
        affinity: str = "",
        runtime_options: Mapping[str, str] = NO_OPTIONS,
        device_index: int = 0,
        orientation: ImageOrientation = AS_IT_IS,
    ) -> None:
        self.orientation = orientation
        self.bundle = bundle
        rate = bundle.rate(false_positive_rate)
        self.threshold: float = bundle.calibration.threshold(rate)
        """Raw score at the alarm line."""
        try:
            sessions = open_sessions(
                {graph: read_graph(bundle, graph) for graph in GRAPHS},
                provider,
                threads=threads,
                affinity=affinity,
                runtime_options=runtime_options,
                engine_cache=lambda: engine_cache_folder(bundle.path, bundle.digest, device_index),
                float16=[graph for graph in GRAPHS if bundle.gives_float16(graph)],
                bfloat16=NETWORKS if bundle.may_use_bfloat16 else (),
                device=device_index,
            )
        except ModelError as error:
            raise BundleError(str(error)) from error
        for graph, session in sessions.items():
            check_graph(bundle, graph, session.inputs, session.outputs)
        self.provider: str = sessions["teacher"].provider
        """The one that runs the graphs, e.g. 'cpu'."""
        self.device: str = sessions["teacher"].device
        """Where it runs them, as in `execution.Session`."""
        self._pipeline = InferencePipeline(sessions, bundle.banks, orientation=orientation)
        self._sizes_seen: set[tuple[int, int]] = set()

    def warm_up(self, height: int, width: int) -> None:
        """Run once on a blank frame of this size in pixels: the first run of a size is slow."""
        # Whether a blank frame has a valid score does not matter, so the graphs run bare.
        self._pipeline.run(np.full((height, width, 3), 127, np.uint8))

    def set_banks(self, banks: Mapping[str, np.ndarray]) -> None:
        """Replace prototype banks; the next frame uses them, and a frame under way does not.

        May be called from any thread. The bundle stays as it is.

        Args:
            banks: `bank_<layer>` to float32 [K, C], rows of length 1, as `Bundle.banks`. K may be
                another than it was. A layer that is not given keeps its bank.

        Raises:
            ValueError: a bank does not fit the bundle; then none is replaced.
        """
        self._pipeline.set_banks(checked_banks(self.bundle.manifest, banks))

    def features(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """Return the features of one frame that MulMem (Eq. 3) compares with the banks.

        Args:
            image: uint8 [H, W, 3] BGR, any size.

        Returns:
            Layer to float32 [C, h, w], each on the grid that it is remembered on. Brought to unit
            length, the C values of a place are a prototype of what is there.

        Raises:
            ValueError: no such image.
        """
        return self.remembered(self.network_outputs(image))

    def network_outputs(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """Return all outputs of teacher and student for one frame, by name.

        Args:
            image: uint8 [H, W, 3] BGR, any size.

        Raises:
            ValueError: no such image.
        """
        _check_image(image)
        return self._pipeline.features(image)

    def remembered(self, outputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return of `network_outputs` the features that `features` returns."""
        return memory_features(self.bundle.manifest, outputs)

    @property
    def banks(self) -> dict[str, np.ndarray]:
        """Return the prototype banks that the next frame uses, as `Bundle.banks`."""
        return self._pipeline.banks

    def detect(
        self, image: np.ndarray, *, banks: Mapping[str, np.ndarray] | None = None
    ) -> Detection:
        """Score one frame.

        Args:
            image: uint8 [H, W, 3] BGR, any size.
            banks: used for this frame alone, as in `set_banks`; None for the detector's own.

        Raises:
            ValueError: no such image, or no such banks.
            ScoreFault: a score is NaN, infinite or below 0.
        """
        _check_image(image)
        height, width = image.shape[:2]
        self._compare_aspect(height, width)
        others = None if banks is None else checked_banks(self.bundle.manifest, banks)
        return Detection(
            self._pipeline.run(image, others),
            threshold=self.threshold,
            height=height,
            width=width,
            orientation=self.orientation,
        )

    def matching_crop(self, height: int, width: int) -> tuple[int, int]:
        """Return (height, width) of the middle of an H x W frame with the input's ratio of sides.

        `fit` and `evaluate` cut frames to it. The node never does: what it cut away would be
        unknown, and unknown is not clear.
        """
        own_height, own_width = self.orientation.size(*self.bundle.input_size)
        if width * own_height > height * own_width:
            return height, max(1, round(height * own_width / own_height))
        return max(1, round(width * own_height / own_width)), width

    def mismatch(self, height: int, width: int) -> str | None:
        """Return a sentence where the network sees frames of H x W pixels stretched in width.

        None where it is so little that a wheel or a face stays what the teacher knows.
        """
        own_height, own_width = self.orientation.size(*self.bundle.input_size)
        ratio = (width / height) / (own_width / own_height)
        if abs(ratio - 1) <= _ASPECT_TOLERANCE:
            return None
        crop_height, crop_width = self.matching_crop(height, width)
        return (
            f"frames are {width}x{height} pixels, and bundle {self.bundle.name} was fitted to "
            f"{own_width}x{own_height}: the network sees them stretched by a factor of "
            f"{1 / ratio:.2f}, and may find the ordinary anomalous; crop the frames to their "
            f"middle {crop_width}x{crop_height}, as fit and evaluate do, or fit a bundle with this "
            "camera's ratio of sides"
        )

    def _compare_aspect(self, height: int, width: int) -> None:
        if (height, width) in self._sizes_seen:  # each is logged once: cameras may differ
            return
        self._sizes_seen.add((height, width))
        sentence = self.mismatch(height, width)
        if sentence is not None:
            _log.warning("%s", sentence)
