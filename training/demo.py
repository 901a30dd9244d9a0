"""Makes the bundle and the bag that the repository ships, from synthetic streets alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from joblib import Parallel, delayed
from tqdm import tqdm

from training.bag_writer import BagFrame
from training.datasets.synthetic import StreetDrive
from training.datasets.synthetic_streets import SyntheticStreets
from training.fit_settings import FitSettings, MemorySettings, StudentSettings
from training.layers import BACKBONE_LAYERS, MEMORY_LAYERS
from training.teacher_settings import TeacherSettings

HEIGHT = 360
WIDTH = 640
RATE_HZ = 10.0
JPEG_QUALITY = 90

ARCHITECTURE = "deeplabv3plus_resnet18"
CHANNEL_WIDTH = 0.1875
"""3/16 of ResNet-18's channels: about 1.5 G multiply-adds a frame, for two CPU cores."""

PROTOTYPES = 256


@dataclass(frozen=True)
class DriveSegment:
    """A stretch of one drive in the demo bag.

    Attributes:
        seed: of the street; none of these is among the streets that are trained on.
        anomalies: whether there are any.
        start_s: where in the drive it begins, seconds.
        frames: how many.
    """

    seed: int
    anomalies: bool
    start_s: float
    frames: int


DRIVE = tuple(
    DriveSegment(seed, anomalies, start_s=4.0, frames=12)
    for seed, anomalies in (
        (700_001, False),
        (700_002, True),
        (700_003, True),
        (700_004, False),
        (700_005, True),
        (700_006, True),
        (700_007, False),
        (700_008, True),
    )
)
"""Eight streets, 96 frames at 10 Hz; three of them with nothing wrong on the road."""


def render_streets(folder: Path, seed: int, count: int, jobs: int) -> None:
    """Write labelled frames to `folder`/images and `folder`/labels; those there stay.

    Training looks at each frame several times; reading it back is many times as fast as
    painting it again.
    """
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    missing = [i for i in range(count) if not _label_path(folder, i).exists()]
    tasks = (
        delayed(_render)(folder, seed, count, part)
        for part in np.array_split(missing, max(1, len(missing) // 20))
    )
    results = Parallel(n_jobs=jobs, return_as="generator_unordered")(tasks)
    with tqdm(desc="streets", total=count, initial=count - len(missing), unit="frame") as bar:
        for done in results:
            bar.update(done)


def _label_path(folder: Path, index: int) -> Path:
    return folder / "labels" / f"{index:06d}.png"


def _render(folder: Path, seed: int, count: int, indices: np.ndarray) -> int:
    cv2.setNumThreads(1)
    streets = SyntheticStreets(seed, count, HEIGHT, WIDTH)
    for index in indices.tolist():
        image, class_id = streets[index]
        quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
        cv2.imwrite(str(folder / "images" / f"{index:06d}.jpg"), image, quality)
        # The label last: where there is one, its frame is whole too.
        cv2.imwrite(str(_label_path(folder, index)), class_id)
    return len(indices)


def drive_frames(segments: tuple[DriveSegment, ...]) -> Iterator[BagFrame]:
    """Frames of a drive with labels: 0 normal, 1 anomaly."""
    total = sum(segment.frames for segment in segments)
    with tqdm(desc="drive", total=total, unit="frame") as bar:
        for segment in segments:
            drive = StreetDrive(segment.seed, HEIGHT, WIDTH, anomalies=segment.anomalies)
            for number in range(segment.frames):
                frame = drive.frame(segment.start_s + number / RATE_HZ)
                yield BagFrame(frame.image, frame.anomaly)
                bar.update()


def teacher_settings(steps: int, seed: int) -> TeacherSettings:
    """How the demo's teacher is trained."""
    return TeacherSettings(
        architecture=ARCHITECTURE,
        width=CHANNEL_WIDTH,
        pretrained=False,
        backbone_weights=None,
        crop_height=256,
        crop_width=384,
        batch=8,
        steps=steps,
        optimiser="adamw",
        learning_rate=3e-3,
        backbone_rate=1.0,
        weight_decay=1e-2,
        balance=False,
        seed=seed,
        data="synthetic streets",
    )


def fit_settings(steps: int, seed: int, workers: int) -> FitSettings:
    """How the demo's memory and student are fitted."""
    return FitSettings(
        size=(HEIGHT, WIDTH),
        memory=MemorySettings(layers=MEMORY_LAYERS, prototypes=PROTOTYPES, seed=seed),
        student=StudentSettings(
            ARCHITECTURE,
            width=CHANNEL_WIDTH,
            # The decoder would cost more than the backbone to train, and nothing compares it.
            layers=BACKBONE_LAYERS,
            steps=steps,
            batch=8,
            crop_height=256,
            crop_width=384,
            workers=workers,
            seed=seed,
        ),
    )
