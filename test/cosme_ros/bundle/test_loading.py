# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""A bundle is read when it is whole, and refused in a sentence that names the file when not."""

import hashlib
import json
import os
import pickle
import shutil
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from helpers.tiny_bundle import CHANNELS, PROTOTYPES, seal, write_tiny_bundle

from cosme_ros.bundle.loading import BundleError, load_bundle, read_graph
from cosme_ros.bundle.writing import write_manifest
from cosme_ros.inference.detector import Detector

FILES = ("manifest.json", "teacher.onnx", "student.onnx", "memory.onnx", "prototypes.npz")
Manifest = dict[str, Any]


@pytest.fixture(scope="module")
def intact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")


@pytest.fixture
def folder(intact: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(intact, tmp_path / "tiny"))


def edit(folder: Path, change: Callable[[Manifest], object]) -> None:
    manifest = json.loads((folder / "manifest.json").read_bytes())
    change(manifest)
    write_manifest(folder, manifest)


def reseal(folder: Path) -> None:
    seal(folder, json.loads((folder / "manifest.json").read_bytes()))


def test_an_intact_bundle_is_read(intact: Path) -> None:
    bundle = load_bundle(str(intact))
    assert bundle.path == intact
    assert bundle.name == "tiny"
    assert bundle.input_size == (64, 96)
    assert [c.name for c in bundle.classes] == ["road", "vegetation", "sky", "vehicle"]
    assert bundle.classes[1].colour == (107, 142, 35)
    assert bundle.drivable_class_ids == (0,)
    assert bundle.digest == hashlib.sha256((intact / "manifest.json").read_bytes()).hexdigest()
    assert bundle.calibration.rates == (0.001, 0.5)
    shapes = {name: array.shape for name, array in bundle.banks.items()}
    assert shapes == {f"bank_{name}": (PROTOTYPES[name], CHANNELS[name]) for name in PROTOTYPES}


def test_a_bundle_cannot_be_changed_by_accident(intact: Path) -> None:
    bundle = load_bundle(intact)
    with pytest.raises(ValueError, match="read-only"):
        bundle.banks["bank_lh"][0, 0] = 1
    with pytest.raises(TypeError):
        bundle.manifest["name"] = "other"  # type: ignore[index]
    with pytest.raises(AttributeError):
        bundle.path = Path("elsewhere")  # type: ignore[misc]


def test_the_tiny_bundle_is_the_same_every_time(intact: Path, tmp_path: Path) -> None:
    again = write_tiny_bundle(tmp_path / "again")
    assert {f: (again / f).read_bytes() for f in FILES} == {
        f: (intact / f).read_bytes() for f in FILES
    }


def test_a_folder_that_is_none(tmp_path: Path, intact: Path) -> None:
    with pytest.raises(BundleError, match=r"nowhere does not exist; a bundle is a directory"):
        load_bundle(tmp_path / "nowhere")
    with pytest.raises(BundleError, match=r"manifest.json is a file; a bundle is a directory"):
        load_bundle(intact / "manifest.json")


@pytest.mark.parametrize("file", FILES)
def test_a_missing_file(folder: Path, file: str) -> None:
    (folder / file).unlink()
    with pytest.raises(BundleError, match=f"{file} is missing"):
        load_bundle(folder)


@pytest.mark.parametrize("file", FILES[1:])
def test_one_changed_bit(folder: Path, file: str) -> None:
    content = bytearray((folder / file).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / file).write_bytes(content)
    with pytest.raises(BundleError, match=f"{file} is damaged or was changed: its SHA-256 is"):
        load_bundle(folder)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff\xfe", b'{"name": nothing}', b"[" * 100_000, b"null x"]
)
def test_a_manifest_that_is_no_json(folder: Path, content: bytes) -> None:
    (folder / "manifest.json").write_bytes(content)
    with pytest.raises(BundleError, match=r"manifest.json is not valid JSON"):
        load_bundle(folder)


@pytest.mark.parametrize("version", [0, 3, "1", None])
def test_an_unknown_format_says_which_is_read(folder: Path, version: object) -> None:
    edit(folder, lambda m: m.update(format_version=version, novelty=True))
    with pytest.raises(
        BundleError, match=rf"format_version is {version!r}; .* reads the formats 1 and 2"
    ):
        load_bundle(folder)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda m: m.pop("licence"), "the manifest: 'licence' is a required property"),
        (lambda m: m.update(surprise=1), "the manifest: Additional properties .*'surprise'"),
        (lambda m: m["input_size"].update(width="x"), "input_size.width is 'x'; .* type integer"),
        (lambda m: m["input_size"].update(width=8), "input_size.width is 8; it must be 32 or more"),
        (lambda m: m["classes"][1].update(colour=[0, 0, 256]), "classes.1.colour.2 is 256; .* 255"),
        (lambda m: m.update(classes=m["classes"][:1]), "classes is .*; .* at least 2 entries"),
        (
            lambda m: m["method"].update(guided={"radius": 24, "epsilon": 0}),
            "method.guided.epsilon is 0; it must be above 0",
        ),
        (lambda m: m["method"].update(guided={"radius": 24}), "method.guided: 'epsilon' is a"),
        (
            lambda m: m["method"].update(standardisation="some"),
            r"method.standardisation is 'some'; it must be one of \['none', 'class'\]",
        ),
        (
            lambda m: m["files"]["teacher.onnx"].update(sha256="12"),
            "files.teacher.onnx.sha256 is '12'; it must match",
        ),
        (
            lambda m: m["calibration"]["table"][0].update(false_positive_rate=0.001),
            "calibration.table: false_positive_rate of row 1 is 0.2, not below the 0.001",
        ),
        (
            lambda m: m["calibration"].update(false_positive_rate=0.9),
            "calibration.table: false_positive_rate is 0.9; this bundle was calibrated for rates",
        ),
        (
            lambda m: m["calibration"]["table"][0].update(raw_score=1e30),
            "calibration.table: raw_score of row 1 is .* not above the 1e\\+30",
        ),
        (
            lambda m: m["calibration"]["table"][-1].update(raw_score=1e308),
            r"calibration.table: raw_score of row 6 is 1e\+308; it is a positive normal float32",
        ),
        (
            lambda m: m["calibration"]["table"][0].update(raw_score=10**400),
            "calibration.table: ",
        ),
        (
            lambda m: m["graphs"]["teacher"]["inputs"]["image"].update(shape=[1, 64, 96, 3]),
            r"graphs.teacher.inputs.image is uint8 \[1, 64, 96, 3\]; .* with free h and w",
        ),
        (
            lambda m: m["graphs"]["student"]["inputs"].update(
                mask={"dtype": "uint8", "shape": [1]}
            ),
            "graphs.student.inputs are image, mask; image alone is right",
        ),
        (
            lambda m: m["graphs"]["teacher"]["outputs"].pop("class_id"),
            "graphs.teacher.outputs: class_id is missing; there are c4, c5, lh",
        ),
        (
            lambda m: m["graphs"]["memory"]["outputs"]["score"].update(dtype="float16"),
            r"graphs.memory.outputs.score is float16 .*; float32 \[1, 1, h, w\] is right",
        ),
        (
            lambda m: m["graphs"]["memory"]["inputs"]["c5"].update(shape=[1, 9, 8, 12]),
            r"memory takes c5 as float32 \[1, 9, 8, 12\], but it is made as .* \[1, 8, 8, 12\]",
        ),
        (
            lambda m: m["graphs"]["student"]["outputs"].update(
                c5=m["graphs"]["teacher"]["outputs"]["c5"]
            ),
            "both teacher and student have the output c5",
        ),
        (
            lambda m: m["method"].update(layers=["c4", "lh"]),
            "method.prototypes is for c4, c5, lh, method.layers are c4, lh",
        ),
        (
            lambda m: m["method"]["prototypes"].update(lh=99),
            r"bank_lh has shape \[3, 7\]; method.prototypes.lh in manifest.json asks for \[99, C\]",
        ),
        (
            lambda m: m["graphs"]["memory"]["inputs"].pop("bank_lh"),
            "prototypes.npz holds bank_c4, bank_c5, bank_lh; memory.onnx needs bank_c4, bank_c5 ",
        ),
    ],
)
def test_a_manifest_that_says_something_wrong(
    folder: Path, change: Callable[[Manifest], object], sentence: str
) -> None:
    edit(folder, change)
    with pytest.raises(BundleError, match=sentence) as caught:
        load_bundle(folder)
    assert str(folder) in str(caught.value)
    assert len(str(caught.value)) < 600


def test_a_manifest_of_another_type(folder: Path) -> None:
    (folder / "manifest.json").write_text("[1]")
    with pytest.raises(BundleError, match=r"the manifest is \[1\]; it must be of type object"):
        load_bundle(folder)


def banks_of(folder: Path) -> dict[str, np.ndarray]:
    with np.load(folder / "prototypes.npz") as archive:
        return dict(archive)


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
def test_a_bank_that_is_not_finite(folder: Path, poison: float) -> None:
    banks = banks_of(folder)
    banks["bank_c5"][2, 3] = poison
    np.savez(folder / "prototypes.npz", **banks)
    reseal(folder)
    with pytest.raises(BundleError, match=r"prototypes.npz: bank_c5 holds NaN or infinity"):
        load_bundle(folder)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda b: b.pop("bank_lh"), "holds bank_c4, bank_c5; memory.onnx needs .*bank_lh"),
        (lambda b: b.update(extra=b["bank_c4"]), "holds bank_c4, bank_c5, bank_lh, extra"),
        (lambda b: b.update(bank_lh=b["bank_lh"][:2]), r"bank_lh has shape \[2, 7\]; .*\[3, C\]"),
        (lambda b: b.update(bank_lh=b["bank_lh"][0]), r"bank_lh has shape \[7\]; .*\[3, C\]"),
        (lambda b: b.update(bank_lh=b["bank_lh"][:, :6]), r"bank_lh is float32 \[3, 6\]; .* 7\]"),
        (lambda b: b.update(bank_lh=b["bank_lh"].astype(float)), "bank_lh is float64"),
        (lambda b: b.update(bank_lh=b["bank_lh"] * 2), r"row \d of bank_lh has length 2; .* unit"),
    ],
)
def test_banks_that_are_not_the_manifests(
    folder: Path, change: Callable[[dict[str, np.ndarray]], object], sentence: str
) -> None:
    banks = banks_of(folder)
    change(banks)
    np.savez(folder / "prototypes.npz", **banks)
    reseal(folder)
    with pytest.raises(BundleError, match=f"prototypes.npz:? {sentence}"):
        load_bundle(folder)


class Intruder:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.mark,)


def test_nothing_is_unpickled(folder: Path, tmp_path: Path) -> None:
    mark = tmp_path / "was_here"
    banks = banks_of(folder)
    objects = np.array([Intruder(mark)], dtype=object)
    np.savez(folder / "prototypes.npz", **{**banks, "bank_lh": objects})
    reseal(folder)
    with pytest.raises(BundleError, match=r"prototypes.npz cannot be read as arrays.*pickle"):
        load_bundle(folder)
    (folder / "prototypes.npz").write_bytes(pickle.dumps(Intruder(mark)))
    reseal(folder)
    with pytest.raises(BundleError, match=r"prototypes.npz cannot be read as arrays"):
        load_bundle(folder)
    assert not mark.exists()


def test_prototypes_that_are_no_archive(folder: Path) -> None:
    content = (folder / "prototypes.npz").read_bytes()
    np.save(folder / "bare.npy", np.eye(3))
    bare = (folder / "bare.npy").read_bytes()
    for damaged in (b"", b"PK", content[:100], content[:-50], bare):
        (folder / "prototypes.npz").write_bytes(damaged)
        reseal(folder)
        with pytest.raises(BundleError, match=r"prototypes.npz cannot be read as arrays"):
            load_bundle(folder)


@pytest.mark.parametrize("graph", ["teacher", "student", "memory"])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.999])
def test_a_truncated_graph_under_a_repaired_hash(folder: Path, graph: str, share: float) -> None:
    file = folder / f"{graph}.onnx"
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * share)])
    reseal(folder)
    bundle = load_bundle(folder)
    with pytest.raises(BundleError, match=f"{graph}.onnx cannot be opened by ONNX Runtime"):
        Detector(bundle, provider="cpu")
    with pytest.raises(BundleError, match=f"{graph}.onnx"):
        Detector(bundle)


@pytest.mark.parametrize(
    ("graph", "change", "sentence"),
    [
        (
            "teacher",
            lambda m: m["outputs"].update(c9=m["outputs"]["c5"]),
            "teacher.onnx has the outputs c4, c5, class_id, lh; manifest.json says .*c9",
        ),
        (
            "teacher",
            lambda m: m["outputs"]["class_id"].update(shape=[1, 8, 12]),
            r"teacher.onnx: output class_id is uint8 \[1, 16, 24\]; .* says uint8 \[1, 8, 12\]",
        ),
        (
            "memory",
            lambda m: m["outputs"]["mulmem"].update(shape=[1, 1, 16, 25]),
            r"memory.onnx: output mulmem is float32 \[1, 1, 16, 24\]; .* \[1, 1, 16, 25\]",
        ),
    ],
)
def test_a_graph_that_is_not_the_manifests(
    folder: Path, graph: str, change: Callable[[Manifest], object], sentence: str
) -> None:
    edit(folder, lambda m: change(m["graphs"][graph]))
    bundle = load_bundle(folder)
    with pytest.raises(BundleError, match=sentence):
        Detector(bundle, provider="cpu")


def test_a_teacher_that_takes_one_camera_size_only(folder: Path) -> None:
    model = onnx.load(folder / "teacher.onnx")
    for axis, length in ((1, 64), (2, 96)):
        model.graph.input[0].type.tensor_type.shape.dim[axis].dim_value = length
    onnx.save(model, folder / "teacher.onnx")
    reseal(folder)
    with pytest.raises(
        BundleError, match=r"teacher.onnx: input image is uint8 \[1, 64, 96, 3\]; .* \[1, h, w, 3\]"
    ):
        Detector(load_bundle(folder), provider="cpu")


def test_graphs_that_were_exchanged(folder: Path) -> None:
    shutil.copy(folder / "student.onnx", folder / "teacher.onnx")
    reseal(folder)
    with pytest.raises(
        BundleError, match=r"teacher.onnx has the outputs student_c5; manifest.json"
    ):
        Detector(load_bundle(folder), provider="cpu")


def rewrite_raw(folder: Path, change: Callable[[Manifest], object]) -> None:
    """As somebody who edits the file does: without its hash."""
    manifest = json.loads((folder / "manifest.json").read_bytes())
    change(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2), encoding="utf-8")


def times_a_thousand(manifest: Manifest) -> None:
    for row in manifest["calibration"]["table"]:
        row["raw_score"] *= 1000


def test_thresholds_that_were_edited(folder: Path) -> None:
    rewrite_raw(folder, times_a_thousand)
    with pytest.raises(
        BundleError, match=r"manifest.json was changed after it was written: the SHA-256 of"
    ):
        load_bundle(folder)


def test_a_manifest_in_another_layout_is_the_same(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_bytes())
    text = json.dumps(dict(reversed(manifest.items())), ensure_ascii=False)
    (folder / "manifest.json").write_text(text, encoding="utf-8")
    assert load_bundle(folder).protects_itself


def test_an_older_export_without_its_own_hash(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rewrite_raw(folder, lambda m: m.pop("content_sha256"))
    with caplog.at_level("INFO"):
        assert not load_bundle(folder).protects_itself
    assert "a changed calibration would not be noticed" in caplog.text


def test_only_the_expected_bundle(folder: Path) -> None:
    expected = load_bundle(folder).digest
    load_bundle(folder, expected_digest=expected.upper())
    edit(folder, times_a_thousand)  # with a hash that fits
    load_bundle(folder)
    with pytest.raises(
        BundleError, match=rf"is not the expected bundle: .* {expected} is expected"
    ):
        load_bundle(folder, expected_digest=expected)


@pytest.mark.parametrize("graph", ["teacher", "student", "memory"])
def test_what_was_hashed_is_what_runs(folder: Path, graph: str) -> None:
    bundle = load_bundle(folder)
    content = bytearray((folder / f"{graph}.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / f"{graph}.onnx").write_bytes(content)
    with pytest.raises(BundleError, match=f"{graph}.onnx is damaged or was changed"):
        Detector(bundle, provider="cpu")


def test_graphs_that_are_kept_are_read_once(folder: Path) -> None:
    bundle = load_bundle(folder, keep_graphs=True)
    file = folder / "teacher.onnx"
    content = file.read_bytes()
    file.unlink()
    assert read_graph(bundle, "teacher").content == content
    with pytest.raises(BundleError, match=r"teacher.onnx is missing"):
        read_graph(bundle, "teacher")  # what was returned is not kept


def test_external_data_has_no_way_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = onnx.load(folder / "teacher.onnx")
    onnx.save(
        model,
        folder / "teacher.onnx",
        save_as_external_data=True,
        location="weights.bin",
        size_threshold=0,
    )
    reseal(folder)
    monkeypatch.chdir(folder)  # where ONNX Runtime would look for it
    with pytest.raises(BundleError, match=r"teacher.onnx .* are external data in another file"):
        Detector(load_bundle(folder), provider="cpu")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda m: m["input_size"].update(height=1_000_000, width=1_000_000),
            "input_size.height is 1000000; it must be 8192 or less",
        ),
        (
            lambda m: m["calibration"].update(
                table=[{"false_positive_rate": 0.1, "raw_score": 1.0}] * 20_000
            ),
            "calibration.table has 20000 rows; 1000 at most are right",
        ),
        (
            lambda m: m["graphs"]["teacher"]["outputs"]["c5"].update(shape=[1, 10**6, 10**6]),
            r"graphs.teacher.outputs.c5 is \[1, 1000000, 1000000\]; at most",
        ),
        (
            lambda m: m["graphs"]["teacher"]["outputs"]["c5"].update(shape=[1, 0, -5, 7]),
            "shape.1 is 0; it must be 1 or more",
        ),
        (lambda m: m.update(name="x" * (1 << 22)), "manifest.json has more than 4194304 bytes"),
    ],
)
def test_absurd_sizes_are_refused_at_once(
    folder: Path, change: Callable[[Manifest], object], sentence: str
) -> None:
    edit(folder, change)
    begin = time.perf_counter()
    with pytest.raises(BundleError, match=sentence):
        load_bundle(folder)
    assert time.perf_counter() - begin < 5


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_number_that_is_none(folder: Path, number: str) -> None:
    text = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text(text.replace('"width": 1.0', f'"width": {number}'))
    with pytest.raises(BundleError, match=r"manifest.json is not valid JSON: .*number"):
        load_bundle(folder)


def test_prototypes_that_unpack_to_more_than_memory(folder: Path) -> None:
    with (
        zipfile.ZipFile(folder / "prototypes.npz", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("bank_c4.npy", "w", force_zip64=True) as member,
    ):
        for _ in range(1025):
            member.write(bytes(1 << 20))
    reseal(folder)
    with pytest.raises(BundleError, match=r"prototypes.npz cannot .* unpacks to 1074790400 bytes"):
        load_bundle(folder)


def test_a_pipe_in_place_of_a_file(folder: Path) -> None:
    (folder / "student.onnx").unlink()
    os.mkfifo(folder / "student.onnx")
    with pytest.raises(BundleError, match=r"student.onnx is no regular file"):
        load_bundle(folder)


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        (
            {
                "health": {
                    "frames": 9,
                    "measures": {"sharpness": {"low": 2, "middle": 1, "high": 3}},
                }
            },
            "must not fall",
        ),
        ({"parts": {"shares": [0.5, 0.1], "values": {"memory": [1.0]}}}, "each of the 2 shares"),
        ({"parts": {"shares": [0.5, 0.1], "values": {"memory": [2, 1]}}}, "must not fall"),
        ({"parts": {"shares": [0.1, 0.5], "values": {"memory": [1, 2]}}}, "shares rise"),
    ],
)
def test_references_that_contradict_themselves(
    folder: Path, record: Manifest, sentence: str
) -> None:
    edit(folder, lambda manifest: manifest["calibration"].update(record))
    with pytest.raises(BundleError, match=sentence):
        load_bundle(folder)
