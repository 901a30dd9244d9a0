# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Calibrates the alarm threshold of a bundle on normal drives, with a guarantee of false alarms.

`cosme_ros/calibration/false_alarms.py` states the guarantee and why it holds.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cosme_ros import __version__
from cosme_ros.bags.reading import BagError
from cosme_ros.bundle.loading import Bundle, load_bundle
from cosme_ros.bundle.writing import write_recalibrated
from cosme_ros.calibration.bag_scores import DriveScores, score_bag
from cosme_ros.calibration.bag_survey import Scoring, SurveyedBag, check_distinct, survey
from cosme_ros.calibration.false_alarms import (
    ALARM_GAP,
    GuaranteeError,
    NormalDrive,
    allowed_alarms,
    count_alarms,
    hours_of,
    score_to_stay_above,
    seconds_of_frames,
)
from cosme_ros.calibration.guarantee import GUARANTEE_KEY
from cosme_ros.calibration.score_histogram import ScoreHistogram, line_above, with_row
from cosme_ros.foreign_text import printable
from cosme_ros.health.reference import reference_record
from cosme_ros.inference.detector import Detector
from cosme_ros.parameters import Settings

Progress = Callable[[str, int, int | None], object]
"""Called with the stage, the frames done, and how many there are (None: not known)."""


@dataclass(frozen=True)
class FalseAlarmGuarantee:
    """At most so many false alarms an hour, and how they are counted.

    Attributes:
        rate: false alarms an hour, > 0.
        confidence: probability, in 0..1, that a bundle calibrated so raises no more.
        gap: seconds; alarming frames no further apart are one alarm.

    Raises:
        GuaranteeError: nothing can raise as many alarms with such a gap.

    >>> FalseAlarmGuarantee(rate=1.0).confidence
    0.95
    """

    rate: float
    confidence: float = 0.95
    gap: float = ALARM_GAP

    def __post_init__(self) -> None:
        most = 3600 / self.gap
        if self.rate >= most:
            raise GuaranteeError(
                f"{self.rate:g} false alarms an hour guarantee nothing: alarming frames no more "
                f"than {self.gap:g} s apart are one alarm, so that nothing raises {most:g} an "
                "hour; ask for fewer, or give a shorter --alarm-gap"
            )


@dataclass(frozen=True)
class CameraCalibration:
    """The new calibration of one camera, and what it was measured on.

    Attributes:
        calibration: of the bundle's manifest.
        drives: the frames, known to be normal, that it was measured on.
        left_out: reason to number of frames that were left out.
        folder: where it is written below the output folder; empty for a single camera.
    """

    calibration: Mapping[str, Any]
    drives: tuple[NormalDrive, ...]
    left_out: Mapping[str, int]
    folder: str


@dataclass(frozen=True)
class CalibrationResult:
    """The calibrations of a bundle by camera (frame_id)."""

    bundle: Bundle
    cameras: Mapping[str, CameraCalibration]

    def write(self, out: Path, *, overwrite: bool = False) -> None:
        """Write the calibrated bundle to `out`; with several cameras one bundle each below it.

        Args:
            out: appears, or is replaced, whole.
            overwrite: whether bundles that are there already may be replaced.

        Raises:
            BundleError: `out` cannot be written.
            OutputError: it has content that may not be replaced.
        """
        calibrations = {c.folder: c.calibration for c in self.cameras.values()}
        write_recalibrated(self.bundle, calibrations, out, overwrite=overwrite)


class Calibrator:
    """Measures the alarm threshold of a bundle on drives in which nothing was wrong.

    Args:
        bundle: its folder.
        guarantee: the limit of false alarms on drives like these.
        scoring: the topics, and the node's parameters that the guarantee is about.
        provider: execution provider, as the node's parameter.
        threads: of ONNX Runtime; 0 for all cores.
        device: number of the GPU, as the node's parameter.

    Raises:
        BundleError: the bundle is not valid.

    Example, with a drive that is long enough::

        calibrator = Calibrator("demo/bundle", FalseAlarmGuarantee(rate=60.0))
        result = calibrator.calibrate(["drive_1", "drive_2"], scores="drives.scores")
        result.write(Path("calibrated"))
    """

    def __init__(
        self,
        bundle: Path | str,
        guarantee: FalseAlarmGuarantee,
        scoring: Scoring | None = None,
        *,
        provider: str = Settings.provider,
        threads: int = 0,
        device: int = Settings.device,
    ) -> None:
        self.bundle = load_bundle(bundle)
        self.guarantee = guarantee
        self.scoring = scoring or Scoring()
        self._provider = provider
        self._threads = threads
        self._device = device

    def calibrate(
        self,
        bags: Sequence[Path | str],
        scores: Path | str,
        *,
        camera: str | None = None,
        on_progress: Progress = lambda stage, done, total: None,
        on_warning: Callable[[str], object] = lambda sentence: None,
    ) -> CalibrationResult:
        """Score every normal frame of the bags, and choose the threshold.

        Args:
            bags: rosbag2 folders or files, folders of images, or video files of normal drives;
                damaged ones count as far as they can be read.
            scores: folder that keeps the scores of each bag. An interrupted call continues from
                there, and another guarantee takes seconds.
            camera: frame_id of the frames to use; None: every camera is calibrated.
            on_progress: see Progress.
            on_warning: called with a sentence for each part of a bag that cannot be read.

        Returns:
            The calibration of each camera.

        Raises:
            BagError: a bag cannot be used.
            GuaranteeError: the drives do not support the guarantee.
            ProviderError: the bundle does not run on the provider.
        """
        scores = Path(scores)
        if scores.exists() and not scores.is_dir():
            raise NotADirectoryError(f"{scores} is a file; give a folder with --keep-scores")
        surveyed = self._survey([Path(bag) for bag in bags], on_progress, on_warning)
        cameras = _cameras(surveyed, camera)
        folders = _folders(cameras)
        for name in cameras:
            # Before hours of work: no drive gets longer when its pictures are scored.
            stamps = [bag.stamps[name] for bag in surveyed if name in bag.stamps]
            self._allowed(name, sum(float(seconds_of_frames(of).sum()) for of in stamps) / 3600)
        detector = Detector(
            self.bundle,
            provider=self._provider,
            # Only the unit of the scores; the highest rate's line is in every table.
            false_positive_rate=self.bundle.calibration.rates[1],
            threads=self._threads,
            device_index=self._device,
            orientation=self.scoring.orientation,
        )
        found = self._score(surveyed, detector, cameras, scores, on_progress)
        return CalibrationResult(
            self.bundle,
            {
                name: self._calibrate(name, folders[name], found, surveyed, detector)
                for name in cameras
            },
        )

    def _survey(
        self, bags: Sequence[Path], on_progress: Progress, on_warning: Callable[[str], object]
    ) -> list[SurveyedBag]:
        count = _Counter("stamps", None, on_progress)
        surveyed = [
            survey(bag, self.scoring, on_frames=count, on_warning=on_warning) for bag in bags
        ]
        check_distinct(surveyed)
        return surveyed

    def _score(
        self,
        bags: Sequence[SurveyedBag],
        detector: Detector,
        cameras: Sequence[str],
        scores: Path,
        on_progress: Progress,
    ) -> list[dict[str, DriveScores]]:
        """Return, for each bag, the scores of each camera that it has."""
        count = _Counter("scores", sum(bag.frames for bag in bags), on_progress)
        return [
            score_bag(bag, detector, self.scoring, cameras, scores, on_frames=count) for bag in bags
        ]

    def _allowed(self, camera: str, hours: float) -> int:
        try:
            return allowed_alarms(
                self.guarantee.rate,
                self.guarantee.confidence,
                hours,
                most_rate=3600 / self.guarantee.gap,
            )
        except GuaranteeError as error:
            raise GuaranteeError(f"camera '{camera}': {error}") from error

    def _calibrate(
        self,
        camera: str,
        folder: str,
        scores: Sequence[Mapping[str, DriveScores]],
        bags: Sequence[SurveyedBag],
        detector: Detector,
    ) -> CameraCalibration:
        guarantee, scoring = self.guarantee, self.scoring
        mask = scoring.static_mask
        of_camera = [
            (bag, found[camera]) for bag, found in zip(bags, scores, strict=True) if camera in found
        ]
        drives = tuple(found.drive for _, found in of_camera)
        left_out: Counter[str] = Counter()
        counts = ScoreHistogram()
        for _, found in of_camera:
            left_out.update(found.left_out)
            counts.include(found.counts)
        height, width = _one_size(camera, [found for _, found in of_camera])
        hours = hours_of(drives)
        try:
            allowed = self._allowed(camera, hours)
        except GuaranteeError as error:
            raise GuaranteeError(f"{error} (left out: {listed(left_out)})") from error
        table = counts.table()
        # A higher line meets the guarantee too, and below the table's first nothing was measured.
        line = max(
            line_above(score_to_stay_above(drives, allowed, gap=guarantee.gap)),
            table[0]["raw_score"],
        )
        rate = _rate_of(counts.reaching(line) / counts.pixels, counts.pixels)
        # The parts of a score stay as they are: the networks do too.
        parts = self.bundle.manifest["calibration"].get("parts")
        health = reference_record([row for _, found in of_camera for row in found.measures])
        calibration = {
            "frames": sum(len(drive.stamps) for drive in drives),
            "pixels": counts.pixels,
            "table": with_row(table, rate, line),
            "false_positive_rate": rate,
            **({} if health is None else {"health": health}),
            **({} if parts is None else {"parts": parts}),
            GUARANTEE_KEY: {
                "false_positive_rate": rate,
                "false_alarms_per_hour": guarantee.rate,
                "confidence": guarantee.confidence,
                "alarm_gap": guarantee.gap,
                "hours": hours,
                "alarms_allowed": allowed,
                "alarms_measured": count_alarms(drives, line, gap=guarantee.gap),
                "region": scoring.region,
                "minimum_area": scoring.minimum_area,
                # Without it single frames are meant, also to older readers.
                **({} if scoring.temporal == "none" else {"temporal": scoring.temporal}),
                **({} if mask is None else {"static_mask": mask.sha256}),
                "image_size": {"height": height, "width": width},
            },
            "measured_on": {
                "camera": camera,
                "image_topics": list(scoring.image_topics),
                "bags": [
                    _bag_record(bag, found.drive)
                    for bag, found in of_camera
                    if found.drive.stamps.size
                ],
                "left_out": dict(left_out),
                "provider": detector.provider,
                "bundle": detector.bundle.digest,
                "cosme_ros": __version__,
            },
        }
        return CameraCalibration(calibration, drives, left_out, folder)


def listed(left_out: Mapping[str, int]) -> str:
    """Return how many frames were left out, and why.

    >>> listed({"damaged": 2})
    '2 damaged'
    """
    return ", ".join(f"{count} {why}" for why, count in sorted(left_out.items())) or "nothing"


class _Counter:
    """Adds up frames of several bags for a progress callback."""

    def __init__(self, stage: str, total: int | None, on_progress: Progress) -> None:
        self._stage, self._total, self._on_progress = stage, total, on_progress
        self._done = 0

    def __call__(self, frames: int) -> None:
        self._done += frames
        self._on_progress(self._stage, self._done, self._total)


def _cameras(bags: Sequence[SurveyedBag], wanted: str | None) -> list[str]:
    cameras = sorted({camera for bag in bags for camera in bag.stamps})
    if not cameras:
        raise BagError("the bags hold no pictures; give --image-topic if theirs has another name")
    if wanted is None:
        return cameras
    if wanted not in cameras:
        raise BagError(
            f"no frame is of camera '{wanted}'; the frame_ids in these bags are: "
            + ", ".join(f"'{camera}'" for camera in cameras)
        )
    return [wanted]


def _folders(cameras: Sequence[str]) -> dict[str, str]:
    """Return the folder of each camera: its frame_id, as a folder's name."""
    if len(cameras) == 1:
        return {cameras[0]: ""}
    # No folder is hidden, or above the one that was asked for.
    folders = {
        name: printable(name.strip("/").replace("/", "_").lstrip("."), 100) or "unnamed"
        for name in cameras
    }
    if len(set(folders.values())) < len(cameras):
        raise GuaranteeError(
            f"cameras {', '.join(cameras)} would be written to the same folder; name them one by "
            "one with --camera"
        )
    return folders


def _one_size(camera: str, scores: Sequence[DriveScores]) -> tuple[int, int]:
    """Return (height, width) of the pictures. Raises BagError where there are several."""
    sizes = {found.size for found in scores if found.drive.stamps.size}
    if len(sizes) > 1:
        raise BagError(
            f"camera '{camera}' has pictures of "
            + " and ".join(f"{width}x{height}" for height, width in sorted(sizes))
            + " pixels; a guarantee is for images of one size, so give drives of one size"
        )
    return next(iter(sizes), (0, 0))


def _bag_record(bag: SurveyedBag, drive: NormalDrive) -> dict[str, Any]:
    # Who reads about damage elsewhere does not need our folders.
    above = f"{bag.path.expanduser().parent}/"
    damage = [sentence.replace(above, "") for sentence in bag.warnings]
    return {
        "name": bag.path.resolve().name,
        "files": {name: {"sha256": sha} for name, sha in bag.files.items()},
        "frames": len(drive.stamps),
        "first_stamp": int(drive.stamps[0]),
        "last_stamp": int(drive.stamps[-1]),
        **({"damage": damage} if damage else {}),
    }


def _rate_of(share: float, pixels: int) -> float:
    """Return a share of pixels as a rate that the node takes: four digits, never 0."""
    return float(f"{max(share, 1 / pixels):.4g}")
