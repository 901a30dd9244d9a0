# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import hashlib
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from helpers.normal_bag import BOX, TOPIC, write_normal_bag
from helpers.tiny_bundle import street_frame, write_tiny_bundle
from rosbags.rosbag2 import StoragePlugin

from cosme_ros.bags.reading import read_frames
from cosme_ros.bundle.loading import MANIFEST, load_bundle
from cosme_ros.calibration import bag_scores, calibrator
from cosme_ros.calibration.false_alarms import NormalDrive, allowed_alarms, count_alarms
from cosme_ros.cli import calibrate
from cosme_ros.inference.detector import Detector
from cosme_ros.parameters import PARAMETERS_BY_NAME, check_settings
from cosme_ros.postprocessing.obstacle_decision import ObstacleRule, decide_obstacles
from cosme_ros.postprocessing.obstacles import find_obstacles
from cosme_ros.postprocessing.static_mask import load_static_mask

RATE = 900.0  # alarms an hour, half of what a gap of 2 s has room for
GAP = 2.0
AREA = 20


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Path:
    return write_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")


@pytest.fixture(scope="module")
def bags(tmp_path_factory) -> list[Path]:
    """60 s of driving at one frame a second, in two bags."""
    folder = tmp_path_factory.mktemp("bags")
    return [write_normal_bag(folder / f"drive_{i}", frames=30, rate=1.0, seed=i) for i in (1, 2)]


def arguments(
    *bags: Path, bundle: Path, out: Path, rate: float = RATE, more: tuple[str, ...] = ()
) -> list[str]:
    return [
        *map(str, bags),
        *("--bundle", str(bundle), "--out", str(out)),
        *("--false-alarms-per-hour", str(rate), "--alarm-gap", str(GAP)),
        *("--image-topic", TOPIC, "--minimum-area", str(AREA)),
        *("--provider", "cpu", "--threads", "1", *more),
    ]


def run(*bags: Path, **options) -> int:
    return calibrate.main(arguments(*bags, **options))


def manifest_of(folder: Path) -> dict:
    return json.loads((folder / MANIFEST).read_bytes())


def test_a_bundle_with_the_guaranteed_line(bundle, bags, tmp_path, capsys) -> None:
    out = tmp_path / "new" / "mine"
    assert run(*bags, bundle=bundle, out=out) == 0

    # Only the calibration differs.
    old, new = manifest_of(bundle), manifest_of(out)
    assert sorted(file.name for file in out.iterdir()) == sorted(f.name for f in bundle.iterdir())
    for file in old["files"]:
        assert (out / file).read_bytes() == (bundle / file).read_bytes()
    calibration = new.pop("calibration")
    old.pop("calibration")
    assert new.pop("content_sha256") != old.pop("content_sha256")
    assert new == old

    # The node at the guaranteed rate raises as many alarms as it says, and no more than allowed.
    guarantee = calibration["promise"]
    rate = guarantee["false_positive_rate"]
    detector = Detector(load_bundle(out), provider="cpu", false_positive_rate=rate, threads=1)
    drives = []
    for bag in bags:
        frames = list(read_frames(bag, TOPIC))
        alarming = [
            bool(find_obstacles(detector.detect(f.image).score, region=None, minimum_area=AREA)[1])
            for f in frames
        ]
        stamps = np.array([frame.stamp for frame in frames])
        drives.append(NormalDrive(stamps, np.array(alarming, np.float64), 30.0))
    assert guarantee["alarms_measured"] == count_alarms(drives, 1.0, gap=GAP)
    assert guarantee["alarms_measured"] <= guarantee["alarms_allowed"]
    assert guarantee["alarms_allowed"] == allowed_alarms(RATE, 0.95, 1 / 60) > 0
    assert guarantee["hours"] == pytest.approx(1 / 60)

    # The table holds that line to the bit of a float32, in which the detector divides by it.
    (row,) = (r for r in calibration["table"] if r["false_positive_rate"] == rate)
    assert np.float32(detector.threshold) == np.float32(row["raw_score"])

    # Where it comes from.
    source = calibration["measured_on"]
    assert [bag["name"] for bag in source["bags"]] == ["drive_1", "drive_2"]
    assert [bag["frames"] for bag in source["bags"]] == [30, 30]
    assert source["bundle"] == load_bundle(bundle).digest
    assert source["camera"] == "camera"
    assert calibration["frames"] == 60

    # What the command says can be given to the node as it stands.
    said = capsys.readouterr().out
    words = said.split()
    (given,) = (word for word in words if word.startswith("false_positive_rate:="))
    assert float(given.partition(":=")[2]) == rate
    assert "e" not in given.partition(":=")[2]
    defaults = {row.name: row.default for row in PARAMETERS_BY_NAME.values()}
    check_settings({**defaults, "bundle": str(out), "false_positive_rate": rate})
    # And the node runs so without it.
    assert load_bundle(out).false_positive_rate == rate
    # Nothing is left lying about.
    assert list(out.parent.iterdir()) == [out]


def test_what_the_drives_do_not_support_is_refused_before_the_work(
    bundle, bags, tmp_path, capsys, monkeypatch
) -> None:
    monkeypatch.setattr(calibrator, "Detector", None)  # not even started
    assert run(*bags, bundle=bundle, out=tmp_path / "out", rate=1) == 1
    assert (
        "camera 'camera': to guarantee 1 false alarm an hour at 95 % confidence takes at least 3 h "
        "of normal drive, and there are 0.017 h; the least that these can guarantee is "
        "--false-alarms-per-hour 180"
    ) in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_what_no_detector_can_break_is_no_guarantee(bundle, bags, tmp_path, capsys) -> None:
    assert run(*bags, bundle=bundle, out=tmp_path / "out", rate=3600 / GAP) == 1
    assert (
        "1800 false alarms an hour guarantee nothing: alarming frames no more than 2 s apart are "
        "one alarm, so that nothing raises 1800 an hour"
    ) in capsys.readouterr().err


def test_a_static_mask_counts_what_the_node_alarms_on(bundle, tmp_path, capsys) -> None:
    """A thing that is in every frame, as a bonnet is, and another one in some frames only."""
    bag = write_normal_bag(
        tmp_path / "bag", frames=30, rate=1.0, anomalous=range(30), labelled=None
    )
    x, y, width, height = BOX
    looked_at = np.full((160, 240), 255, np.uint8)
    looked_at[y - 20 : y + height + 20, x - 20 : x + width + 20] = 0
    file = tmp_path / "mask.png"
    assert cv2.imwrite(str(file), looked_at)
    assert run(bag, bundle=bundle, out=tmp_path / "whole") == 0
    out = tmp_path / "out"
    assert run(bag, bundle=bundle, out=out, more=("--static-mask", str(file))) == 0
    assert f"and static_mask:={file}" in capsys.readouterr().out

    masked, whole = (manifest_of(path)["calibration"] for path in (out, tmp_path / "whole"))
    guarantee = masked["promise"]
    assert guarantee["static_mask"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert "static_mask" not in whole["promise"]
    rate = guarantee["false_positive_rate"]
    detector = Detector(load_bundle(out), provider="cpu", false_positive_rate=rate, threads=1)
    mask = load_static_mask(str(file))
    rule = ObstacleRule(None, AREA, static_mask=mask)
    stamps, alarming = [], []
    for frame in read_frames(bag, TOPIC):
        detection = detector.detect(frame.image)
        stamps.append(frame.stamp)
        alarming.append(bool(decide_obstacles(detection, frame.image, rule).obstacles))
    drive = NormalDrive(np.array(stamps), np.where(alarming, 1.0, 0.0), 30.0)
    assert count_alarms([drive], 0.5, gap=GAP) == guarantee["alarms_measured"]
    places = np.count_nonzero(mask.at(*detection.raw_score_grid.shape))
    assert masked["pixels"] == 30 * places < whole["pixels"]
    # The thing itself would have been learned as normal.
    line, line_whole = (
        next(
            row["raw_score"]
            for row in calibration["table"]
            if row["false_positive_rate"] == calibration["promise"]["false_positive_rate"]
        )
        for calibration in (masked, whole)
    )
    assert line < line_whole


def test_anomalies_shorten_the_drive(bundle, tmp_path, capsys) -> None:
    bag = write_normal_bag(
        tmp_path / "bag", frames=20, rate=1.0, anomalous=range(15), labelled=range(20)
    )
    assert run(bag, bundle=bundle, out=tmp_path / "out") == 1
    error = capsys.readouterr().err
    assert "(left out: 15 with labelled anomalies)" in error
    assert not (tmp_path / "out").exists()


def test_every_camera_gets_a_bundle_of_its_own(bundle, tmp_path, capsys) -> None:
    bag = write_normal_bag(
        tmp_path / "bag", frames=30, rate=1.0, cameras=("front/left", "rear"), labelled=None
    )
    assert run(bag, bundle=bundle, out=tmp_path / "out") == 0
    folders = sorted(folder.name for folder in (tmp_path / "out").iterdir())
    assert folders == ["front_left", "rear"]
    cameras = [
        load_bundle(tmp_path / "out" / name).manifest["calibration"]["measured_on"]["camera"]
        for name in folders
    ]
    assert cameras == ["front/left", "rear"]

    assert run(bag, bundle=bundle, out=tmp_path / "rear", more=("--camera", "rear")) == 0
    alone = load_bundle(tmp_path / "rear").manifest["calibration"]
    both = load_bundle(tmp_path / "out" / "rear").manifest["calibration"]
    assert alone == both

    assert run(bag, bundle=bundle, out=tmp_path / "none", more=("--camera", "left")) == 1
    assert (
        "no frame is of camera 'left'; the frame_ids in these bags are: 'front/left', 'rear'"
        in capsys.readouterr().err
    )


def test_cameras_of_one_name_on_disk_are_told_apart_by_hand(bundle, tmp_path, capsys) -> None:
    bag = write_normal_bag(tmp_path / "bag", frames=30, rate=1.0, cameras=("a/b", "a_b"))
    assert run(bag, bundle=bundle, out=tmp_path / "out") == 1
    assert "cameras a/b, a_b would be written to the same folder" in capsys.readouterr().err
    assert run(bag, bundle=bundle, out=tmp_path / "out", more=("--camera", "a_b")) == 0


def test_an_interrupted_run_goes_on_where_it_was(
    bundle, bags, tmp_path, capsys, monkeypatch
) -> None:
    assert run(*bags, bundle=bundle, out=tmp_path / "whole") == 0
    real, frames = Detector.detect, []

    def interrupted_in_the_second(detector, image):
        if len(frames) == 40:
            raise KeyboardInterrupt
        frames.append(image)
        return real(detector, image)

    monkeypatch.setattr(bag_scores, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(Detector, "detect", interrupted_in_the_second)
    out = tmp_path / "out"
    assert run(*bags, bundle=bundle, out=out) == 130
    assert f"The scores so far are in {tmp_path / 'out.scores'}" in capsys.readouterr().err
    assert not out.exists()

    again = []

    def noted(detector, image):
        again.append(image)
        return real(detector, image)

    monkeypatch.setattr(Detector, "detect", noted)
    assert run(*bags, bundle=bundle, out=out) == 0
    assert len(again) == 60 - 40
    assert (out / MANIFEST).read_bytes() == (tmp_path / "whole" / MANIFEST).read_bytes()
    assert not (tmp_path / "out.scores").exists()


KILLS_ITSELF = """
import os, pathlib, signal, sys
import numpy
from cosme_ros.cli import calibrate
from cosme_ros.inference import detector
from cosme_ros.calibration import bag_scores, calibrator

def deadly(owner, name, calls):
    real = getattr(owner, name)
    def call(*given, **named):
        nonlocal calls
        calls -= 1
        if calls == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*given, **named)
    setattr(owner, name, call)

bag_scores.CHECKPOINT_SECONDS = 0.0
moment, calls, *arguments = sys.argv[1:]
owners = {"detect": detector.Detector, "savez": numpy, "replace": pathlib.Path}
deadly(owners[moment], moment, int(calls))
sys.exit(calibrate.main(arguments))
"""


def test_a_run_that_is_killed_goes_on_where_it_was(bundle, bags, tmp_path) -> None:
    """By SIGKILL, which nothing can be done about: at a frame, before a file of what is done is
    written, and before it gets its name."""
    assert run(*bags, bundle=bundle, out=tmp_path / "whole") == 0
    out, kept = tmp_path / "out", tmp_path / "kept"
    given = arguments(*bags, bundle=bundle, out=out, more=("--keep-scores", str(kept)))

    def run_until(moment: str, calls: int) -> int:
        command = [sys.executable, "-c", KILLS_ITSELF, moment, str(calls), *given]
        return subprocess.run(command, cwd=Path(__file__).parents[3]).returncode

    for moment, calls in (("detect", 8), ("replace", 9), ("savez", 5), ("detect", 25)):
        assert run_until(moment, calls) == -signal.SIGKILL
        assert not out.exists()
    assert run_until("detect", 1000) == 0
    assert (out / MANIFEST).read_bytes() == (tmp_path / "whole" / MANIFEST).read_bytes()


def test_kept_scores_serve_another_guarantee(bundle, bags, tmp_path, monkeypatch) -> None:
    keep = ("--keep-scores", str(tmp_path / "kept"))
    assert run(*bags, bundle=bundle, out=tmp_path / "one", more=keep) == 0
    monkeypatch.setattr(Detector, "detect", None)
    assert run(*bags, bundle=bundle, out=tmp_path / "two", rate=300, more=keep) == 0
    lax, strict = (manifest_of(tmp_path / name)["calibration"] for name in ("one", "two"))
    assert strict["promise"]["alarms_allowed"] < lax["promise"]["alarms_allowed"]
    assert strict["promise"]["false_positive_rate"] < lax["promise"]["false_positive_rate"]


def test_nothing_is_overwritten(bundle, bags, tmp_path, capsys) -> None:
    out = tmp_path / "out"
    out.mkdir()
    note = out / "note.txt"
    note.write_text("mine")
    assert run(*bags, bundle=bundle, out=out) == 2
    assert f"folder {out} is not empty; give another one" in capsys.readouterr().err
    assert run(*bags, bundle=bundle, out=out, more=("--overwrite",)) == 2
    assert "holds note.txt, which this command does not write" in capsys.readouterr().err
    assert [file.name for file in out.iterdir()] == ["note.txt"]
    note.unlink()
    assert run(*bags, bundle=bundle, out=out) == 0
    first = manifest_of(out)["calibration"]["promise"]["alarms_allowed"]
    assert run(*bags, bundle=bundle, out=out, rate=300) == 2
    assert run(*bags, bundle=bundle, out=out, rate=300, more=("--overwrite",)) == 0
    assert manifest_of(out)["calibration"]["promise"]["alarms_allowed"] < first


def test_a_file_where_scores_should_go_is_said_before_the_work(
    bundle, bags, tmp_path, capsys, monkeypatch
) -> None:
    monkeypatch.setattr(calibrator, "Detector", None)
    file = tmp_path / "notes.txt"
    file.write_text("mine")
    more = ("--keep-scores", str(file))
    assert run(*bags, bundle=bundle, out=tmp_path / "out", more=more) == 1
    error = capsys.readouterr().err
    assert f"{file} is a file; give a folder with --keep-scores" in error
    assert file.read_text() == "mine"


def test_a_bundle_calibrated_twice_holds_the_last(bundle, bags, tmp_path) -> None:
    assert run(*bags, bundle=bundle, out=tmp_path / "once") == 0
    assert run(*bags, bundle=tmp_path / "once", out=tmp_path / "twice") == 0
    once, twice = (manifest_of(tmp_path / name)["calibration"] for name in ("once", "twice"))
    assert twice["table"] == once["table"]
    assert twice["promise"] == once["promise"]


def test_a_bag_of_which_nothing_can_be_read_is_named(bundle, bags, tmp_path, capsys) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(bags[0], broken)
    (file,) = broken.glob("*.mcap")
    file.write_bytes(b"")
    assert run(bags[1], broken, bundle=bundle, out=tmp_path / "out") == 1
    error = capsys.readouterr().err
    assert f"Nothing was calibrated: nothing of {broken} can be read as a rosbag2 bag" in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("storage", [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
def test_a_drive_that_is_cut_off_counts_up_to_the_cut(bundle, tmp_path, capsys, storage) -> None:
    """Its hours and its frames are those of a drive that ended there."""
    bag = write_normal_bag(tmp_path / "bag", frames=60, rate=1.0, storage=storage)
    (file,) = (found for found in bag.iterdir() if found.suffix != ".yaml")
    content = file.read_bytes()
    file.write_bytes(content[: int(0.75 * len(content))])
    assert run(bag, bundle=bundle, out=tmp_path / "out") == 0
    calibration = manifest_of(tmp_path / "out")["calibration"]
    frames = calibration["frames"]
    assert 30 < frames < 48
    assert calibration["promise"]["hours"] == pytest.approx(frames / 3600)
    (of_bag,) = calibration["measured_on"]["bags"]
    assert of_bag["frames"] == frames
    error = capsys.readouterr().err
    assert "cut off" in error and f"{frames} pictures of it can be read and used" in error
    # In the manifest as on the screen, without folders of this machine.
    assert any("cut off" in sentence for sentence in of_bag["damage"])
    assert str(tmp_path) not in str(of_bag)
    assert [sentence.replace(f"{tmp_path}/", "") in error.replace(f"{tmp_path}/", "")
            for sentence in of_bag["damage"]] == [True] * len(of_bag["damage"])  # fmt: skip


def test_messages_that_are_none_are_left_out_and_told(bundle, tmp_path, capsys) -> None:
    bag = write_normal_bag(tmp_path / "bag", frames=60, rate=1.0, storage=StoragePlugin.SQLITE3)
    with closing(sqlite3.connect(next(bag.glob("*.db3")))) as database:
        database.execute("UPDATE messages SET data = substr(data, 1, 14) WHERE id <= 12")
        # Long enough for its header, but no picture: it is among those that can be read.
        database.execute("UPDATE messages SET data = substr(data, 1, 40) WHERE id = 20")
        database.commit()
    assert run(bag, bundle=bundle, out=tmp_path / "out") == 0
    calibration = manifest_of(tmp_path / "out")["calibration"]
    assert calibration["frames"] == 47
    assert calibration["measured_on"]["left_out"] == {"damaged": 1}
    damage = calibration["measured_on"]["bags"][0]["damage"]
    assert len(damage) == 11 and damage[-1] == "bag: 3 more sentences like these"
    error = capsys.readouterr().err
    assert "48 pictures of it can be read" in error and "Traceback" not in error


def test_pictures_that_cannot_be_decoded_are_left_out(bundle, tmp_path, capsys) -> None:
    bag = write_normal_bag(tmp_path / "bag", frames=30, rate=1.0, storage=StoragePlugin.SQLITE3)
    with closing(sqlite3.connect(next(bag.glob("*.db3")))) as database:
        ((content,),) = database.execute("SELECT data FROM messages WHERE id = 4")
        unknown = content.replace(b"bgr8", b"none", 1)  # the name of the encoding
        database.execute("UPDATE messages SET data = ? WHERE id = 4", (unknown,))
        database.commit()
    assert run(bag, bundle=bundle, out=tmp_path / "out") == 0
    assert "left out: 1 damaged" in capsys.readouterr().out
    assert manifest_of(tmp_path / "out")["calibration"]["frames"] == 29


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--false-alarms-per-hour", "0"),
        ("--confidence", "1"),
        ("--alarm-gap", "-1"),
        ("--alarm-gap", "nan"),
        ("--minimum-area", "-1"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused(
    bundle, bags, tmp_path, capsys, option, value
) -> None:
    with pytest.raises(SystemExit):
        run(*bags, bundle=bundle, out=tmp_path / "out", more=(option, value))
    assert value in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["folder", "video"])
def test_a_folder_and_a_video_are_calibrated_on_as_the_bag(bundle, tmp_path, kind) -> None:
    frames = 60
    images = [street_frame(160, 240, seed=index) for index in range(frames)]
    bag = write_normal_bag(tmp_path / "bag", frames=frames, rate=1.0)
    drive = tmp_path / "drive.mkv"
    if kind == "folder":
        drive = tmp_path / "images"
        drive.mkdir()
        for index, image in enumerate(images):
            assert cv2.imwrite(str(drive / f"{index}.png"), image)
    else:
        with av.open(str(drive), "w") as container:
            stream = container.add_stream("ffv1", rate=1)
            stream.width, stream.height, stream.pix_fmt = 240, 160, "bgr0"
            for image in images:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
            container.mux(stream.encode())
    found = []
    for path, out in ((bag, tmp_path / "of_bag"), (drive, tmp_path / "of_drive")):
        assert run(path, bundle=bundle, out=out, more=("--frame-rate", "1")) == 0
        found.append(manifest_of(out)["calibration"])
    of_bag, of_drive = found
    (record,) = of_drive["measured_on"].pop("bags")
    assert record["name"] == drive.name and record["frames"] == frames
    assert list(record["files"]) == [f"{drive.name}/" if kind == "folder" else drive.name]
    of_bag["measured_on"].pop("bags")
    assert of_drive == of_bag
