# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""A bundle fitted to `patch_former` by the command line, as an engineer would."""

import json

import cv2
import numpy as np
from typer.testing import CliRunner

from helpers import patch_former
from helpers.tiny_bundle import street_frame
from training.__main__ import app

HEIGHT, WIDTH = 96, 160
FRAMES = 20
CALIBRATION_SHARE = 0.3
FALSE_POSITIVE_RATE = 0.1
"""So few pixels of calibration, at stride 8, support no lower one."""
CLASS_NAMES = ("road", "vegetation", "sky", "vehicle")


def write_inputs(folder):
    """Normal frames and a class list."""
    (folder / "frames").mkdir()
    for number in range(FRAMES):
        frame = street_frame(HEIGHT, WIDTH, seed=number)
        cv2.imwrite(str(folder / "frames" / f"{number}.png"), frame)
    entries = [
        {"name": name, "colour": [number, 0, 0], "drivable": number == 0, "label": number}
        for number, name in enumerate(CLASS_NAMES)
    ]
    (folder / "classes.json").write_text(json.dumps({"classes": entries}))


def teacher_options(folder):
    """What fit and evaluate are told of the teacher."""
    return [
        *("--teacher", "helpers.patch_former:build", "--layers", patch_former.LAYERS),
        *("--normalization", "0.5,0.5,0.5/0.25,0.25,0.25"),
        *("--classes", str(folder / "classes.json")),
    ]


def fit(folder, *arguments, options=None):
    """Run the command; its result, and where the bundle is."""
    out = folder / "bundle"
    command = ["fit", str(folder / "frames"), "--out", str(out)]
    command += teacher_options(folder) if options is None else options
    command += ["--size", str(HEIGHT), str(WIDTH), "--crop", "64", "64", "--batch", "2"]
    command += [
        "--method",
        "paper",
        "--standardisation",
        "none",
        "--student-architecture",
        "resnet18",
    ]
    command += ["--student-width", "0.125", "--student-steps", "3"]
    command += ["--calibration-share", str(CALIBRATION_SHARE)]
    command += ["--prototypes", "16", "--workers", "0", *arguments]
    return CliRunner().invoke(app, command), out


def random_image(seed):
    """Noise of another size than the network's input, uint8 [H, W, 3]."""
    return np.random.default_rng(seed).integers(0, 256, (120, 200, 3), dtype=np.uint8)
