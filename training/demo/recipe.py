# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Makes the bundle and the bag that the repository ships, from synthetic streets alone."""

from pathlib import Path

import cv2
from joblib import Parallel, delayed
from tqdm import tqdm

from training.demo.drive import CAMERA, HEIGHT, WIDTH
from training.fitting.settings import FitSettings, MemorySettings, RidgeSettings
from training.layers import LAST_HIDDEN, MEMORY_LAYERS, generalist_layer
from training.method.presets import DEFAULT
from training.segmentation.settings import TeacherSettings
from training.street_renderer.drive import StreetDrive

JPEG_QUALITY = 90
"""Of the frames that are trained on."""

ARCHITECTURE = "deeplabv3plus_efficientnet_lite0"
HEAD_WIDTH = 0.25
"""Of DeepLabV3+'s channels; the backbone has the width of its ImageNet weights."""

FIT_FRAMES = 1500
"""Of all that are painted, evenly spread: memory and student are settled by then."""

PROTOTYPES = 2048
EPOCHS, BATCH = 3, 16
"""More frames a step and more passes than usual: prototypes that a few places have are steadier."""

GENERALIST = "efficientnet_lite0"
GENERALIST_LAYERS = ("c2", "c3", "c4")
"""Without c5, which takes half of the backbone's time and found no more (docs/method.md)."""

REMEMBERED = ("c2",)
"""Layers of the generalist with a bank."""

SIMILARITY_THRESHOLDS = {LAST_HIDDEN: 0.97, generalist_layer("c2"): 0.95}
"""Synthetic streets are alike on the finer layers: at 0.85 their banks would stay small."""

MEMORY_STRIDE = 8
LAYER_POWERS = {"c4": 2.0, "c5": 0.5, LAST_HIDDEN: 0.75, generalist_layer("c2"): 1.75}
"""Chosen on other drives than the demo's (docs/method.md)."""

FIRST_ROAD = 710_000
FRAMES_A_ROAD = 16
"""Each road has its own houses, traffic, light and weather; the camera is the same on all."""

SECONDS_BETWEEN_FRAMES = 6.0
"""Along each road, so that neighbouring training frames show other places."""


def render_streets(folder: Path, count: int, jobs: int) -> None:
    """Write `count` normal frames to `folder`/images and `folder`/labels; those there stay.

    Training looks at each frame several times; reading it back is many times as fast as painting
    it again.

    Args:
        folder: is made if it does not exist.
        count: of frames, FRAMES_A_ROAD on each road.
        jobs: processes that paint.
    """
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    missing = [i for i in range(count) if not _label_path(folder, i).exists()]
    by_road: dict[int, list[int]] = {}
    for index in missing:
        by_road.setdefault(index // FRAMES_A_ROAD, []).append(index)
    tasks = [delayed(_render)(folder, road, indices) for road, indices in by_road.items()]
    results = Parallel(n_jobs=jobs, return_as="generator_unordered")(tasks)
    with tqdm(desc="streets", total=count, initial=count - len(missing), unit="frame") as bar:
        for done in results:
            bar.update(done)


def _label_path(folder: Path, index: int) -> Path:
    return folder / "labels" / f"{index:06d}.png"


def _render(folder: Path, road: int, indices: list[int]) -> int:
    cv2.setNumThreads(1)
    drive = StreetDrive(FIRST_ROAD + road, HEIGHT, WIDTH, camera=CAMERA)
    for index in indices:
        frame = drive.frame(index % FRAMES_A_ROAD * SECONDS_BETWEEN_FRAMES)
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
    """Return how the demo's teacher is trained."""
    return TeacherSettings(
        architecture=ARCHITECTURE,
        width=HEAD_WIDTH,
        pretrained=True,
        backbone_weights=None,
        crop_height=256,
        crop_width=384,
        batch=8,
        steps=steps,
        optimiser="adamw",
        learning_rate=2e-3,
        # What ImageNet taught the backbone is worth keeping: it tells an unknown thing from road.
        backbone_rate=0.2,
        weight_decay=1e-2,
        balance=True,
        seed=seed,
        data="synthetic streets",
        loss_stride=4,
        # The demo's camera stays the same, so things keep to their sizes.
        zoom=1.4,
        auxiliary_weight=0.5,
    )


def fit_settings(seed: int) -> FitSettings:
    """Return how the demo's memory and student are fitted.

    On roads that nothing was fitted to (docs/method.md) banks on the generalist's own layers
    found more than its backward consensus, which the demo therefore leaves out.
    """
    return FitSettings(
        size=(HEIGHT, WIDTH),
        memory=MemorySettings(
            layers=(*MEMORY_LAYERS, *(generalist_layer(layer) for layer in REMEMBERED)),
            prototypes=PROTOTYPES,
            epochs=EPOCHS,
            batch=BATCH,
            seed=seed,
            layer_thresholds=SIMILARITY_THRESHOLDS,
            stride=MEMORY_STRIDE,
            layer_powers=LAYER_POWERS,
        ),
        student=RidgeSettings(
            backbone=GENERALIST, backbone_layers=GENERALIST_LAYERS, layers=("c4", "c5")
        ),
        evaluation_layers=("c4", "c5"),
        smoothing=DEFAULT.smoothing,
        guided=DEFAULT.guided,
        auxcon_power=DEFAULT.auxcon_power,
        most_frames=FIT_FRAMES,
        half_weights=True,
    )
