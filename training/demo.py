"""Makes the bundle and the bag that the repository ships, from synthetic streets alone."""

from pathlib import Path

import cv2
import numpy as np
from joblib import Parallel, delayed
from tqdm import tqdm

from training.datasets.synthetic import StreetDrive
from training.demo_drive import HEIGHT, WIDTH
from training.fit_settings import FitSettings, MemorySettings, StudentSettings
from training.layers import BACKBONE_LAYERS, MEMORY_LAYERS
from training.methods import DEFAULT
from training.teacher_settings import TeacherSettings

JPEG_QUALITY = 90
"""Of the frames that are trained on."""

ARCHITECTURE = "deeplabv3plus_resnet18"
CHANNEL_WIDTH = 0.1875
"""3/16 of ResNet-18's channels: about 1.5 G multiply-adds a frame, for two CPU cores."""

PROTOTYPES = 256

ROADS = tuple(range(700_001, 700_009))
"""Seeds of the eight roads that the demo's camera knows, each with its own light and weather.

A bundle is fitted to a camera and where it drives: here to few roads, so that an hour of training
on two cores goes further. How far it goes stands in README.md beside this file.
"""

SECONDS_BETWEEN_FRAMES = 1.2
"""Along each road, so that neighbouring training frames show other places."""


def render_streets(folder: Path, count: int, jobs: int) -> None:
    """Write `count` normal frames to `folder`/images and `folder`/labels; those there stay.

    Frame i is on road i mod 8, and the later, the further along it. Training looks at each frame
    several times; reading it back is many times as fast as painting it again.
    """
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    missing = [i for i in range(count) if not _label_path(folder, i).exists()]
    tasks = []
    for number, seed in enumerate(ROADS):
        on_road = [i for i in missing if i % len(ROADS) == number]
        parts = np.array_split(on_road, max(1, len(on_road) // 20))
        tasks += [delayed(_render)(folder, seed, part) for part in parts]
    results = Parallel(n_jobs=jobs, return_as="generator_unordered")(tasks)
    with tqdm(desc="streets", total=count, initial=count - len(missing), unit="frame") as bar:
        for done in results:
            bar.update(done)


def _label_path(folder: Path, index: int) -> Path:
    return folder / "labels" / f"{index:06d}.png"


def _render(folder: Path, seed: int, indices: np.ndarray) -> int:
    cv2.setNumThreads(1)
    drive = StreetDrive(seed, HEIGHT, WIDTH)
    for index in indices.astype(int).tolist():
        frame = drive.frame(index // len(ROADS) * SECONDS_BETWEEN_FRAMES)
        quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
        cv2.imwrite(str(folder / "images" / f"{index:06d}.jpg"), frame.image, quality)
        # The label last and under another name first: where there is one, all of it is there, and
        # its frame too, whenever a kill came.
        label = _label_path(folder, index)
        unfinished = folder / f"{label.stem}.part.png"
        cv2.imwrite(str(unfinished), frame.class_id)
        unfinished.replace(label)
    return len(indices)


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
        balance=True,
        seed=seed,
        data="synthetic streets",
        loss_stride=4,
        # The demo's camera stays the same, so things keep to their sizes.
        zoom=1.4,
        auxiliary_weight=0.5,
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
        # On stretches further along these roads, none of them the bag's, AP of CosMe with c5,
        # with c4 and c5, with c3 to c5: 0.154, 0.150, 0.092 where anomalies are near, 0.033,
        # 0.049, 0.031 on all frames.
        evaluation_layers=("c4", "c5"),
        smoothing=DEFAULT.smoothing,
        auxcon_power=DEFAULT.auxcon_power,
    )
