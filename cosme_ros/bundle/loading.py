# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The bundle on disk: read and verified before anything in it runs.

A bundle is a directory: `manifest.json` (described by `bundle_schema.json`), three ONNX graphs and
the prototype banks. Nothing in it is pickled.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jsonschema
import numpy as np

from cosme_ros.bundle.calibration_table import Calibration

MANIFEST = "manifest.json"
PROTOTYPES = "prototypes.npz"
GRAPHS = ("teacher", "student", "memory")
SCORE_MAPS = ("mulmem", "auxcon", "score")

# Exporters round: a row of a bank is a unit vector to float32 accuracy over some thousand channels.
_UNIT_LENGTH_TOLERANCE = 1e-3

Shape = Sequence[int | str | None]


class BundleError(Exception):
    """A bundle cannot be used; the sentence names the file and what is wrong with it."""


@dataclass(frozen=True)
class SegmentationClass:
    """One class of the teacher; its place in `Bundle.classes` is its class_id."""

    name: str
    colour: tuple[int, int, int]
    """RGB, 0..255."""
    drivable: bool


@dataclass(frozen=True, eq=False)
class Bundle:
    """A verified bundle. Made by `load_bundle`; immutable."""

    path: Path
    manifest: Mapping[str, Any]
    digest: str
    """SHA-256 of the manifest, which holds the hash of every other file: the bundle's identity."""
    banks: Mapping[str, np.ndarray]
    """Inputs of memory.onnx by name; `bank_<layer>` is float32 [K, C] with rows of length 1."""
    calibration: Calibration

    @property
    def name(self) -> str:
        return str(self.manifest["name"])

    @property
    def input_size(self) -> tuple[int, int]:
        """Height and width in pixels to which the graphs resize every image."""
        size = self.manifest["input_size"]
        return int(size["height"]), int(size["width"])

    @cached_property
    def classes(self) -> tuple[SegmentationClass, ...]:
        return tuple(
            SegmentationClass(entry["name"], tuple(entry["colour"]), entry["drivable"])
            for entry in self.manifest["classes"]
        )

    @cached_property
    def drivable_class_ids(self) -> tuple[int, ...]:
        return tuple(i for i, entry in enumerate(self.classes) if entry.drivable)

    def graph_path(self, graph: str) -> Path:
        """Where the ONNX graph `graph`, one of GRAPHS, lies."""
        return self.path / f"{graph}.onnx"


def load_bundle(path: str | Path) -> Bundle:
    """Read and verify the bundle in the directory `path`.

    Checked are the manifest against its schema, the hash of every file, the calibration table, the
    banks, and that the three graphs fit together. That a graph is what the manifest says of it is
    checked by `check_graph` where it is opened. Raises BundleError.
    """
    folder = Path(path).expanduser()
    if not folder.is_dir():
        found = "is a file" if folder.exists() else "does not exist"
        raise BundleError(f"{folder} {found}; a bundle is a directory with a {MANIFEST}")
    manifest_bytes = _read(folder / MANIFEST)
    manifest = _parse_manifest(manifest_bytes, folder / MANIFEST)
    for file, entry in manifest["files"].items():
        _check_hash(folder / file, entry["sha256"])
    try:
        calibration = Calibration(manifest["calibration"]["table"])
    except (ValueError, OverflowError) as error:
        raise BundleError(f"{folder / MANIFEST}: calibration.table: {error}") from error
    _check_wiring(manifest, folder / MANIFEST)
    return Bundle(
        path=folder,
        manifest=MappingProxyType(manifest),
        digest=hashlib.sha256(manifest_bytes).hexdigest(),
        banks=MappingProxyType(_load_banks(folder / PROTOTYPES, manifest)),
        calibration=calibration,
    )


def check_graph(
    bundle: Bundle,
    graph: str,
    inputs: Mapping[str, tuple[str, Shape]],
    outputs: Mapping[str, tuple[str, Shape]],
) -> None:
    """Check what a runtime reports of an opened graph against the manifest.

    `graph` is one of GRAPHS; `inputs` and `outputs` map names to NumPy dtype name and shape, where
    a free length is a name or None. A free length in the manifest has to be free in an input, since
    camera images and grown banks come in there; an output may be more definite than promised.
    Raises BundleError naming the file.
    """
    file = bundle.graph_path(graph)
    for side, reported in (("inputs", inputs), ("outputs", outputs)):
        declared = bundle.manifest["graphs"][graph][side]
        if set(declared) != set(reported):
            raise BundleError(
                f"{file} has the {side} {_listed(reported)}; {MANIFEST} says {_listed(declared)}"
            )
        for name, tensor in declared.items():
            dtype, shape = reported[name]
            if not (
                dtype == tensor["dtype"]
                and len(shape) == len(tensor["shape"])
                and all(
                    _keeps_promise(promised, length, may_be_definite=side == "outputs")
                    for promised, length in zip(tensor["shape"], shape, strict=True)
                )
            ):
                raise BundleError(
                    f"{file}: {side[:-1]} {name} is {dtype} {_shape(shape)}; {MANIFEST} says "
                    f"{tensor['dtype']} {_shape(tensor['shape'])}"
                )


def _keeps_promise(promised: int | str, length: int | str | None, *, may_be_definite: bool) -> bool:
    if isinstance(promised, int):
        return promised == length
    return may_be_definite or not isinstance(length, int)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        raise BundleError(f"{file} is missing from the bundle") from None
    except OSError as error:
        raise BundleError(f"{file} cannot be read: {error.strerror}") from error


def _parse_manifest(content: bytes, file: Path) -> dict[str, Any]:
    try:
        manifest = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{file} is not valid JSON: {error}") from error
    schema = json.loads((Path(__file__).parent / "bundle_schema.json").read_bytes())
    known = schema["properties"]["format_version"]["enum"]
    # Asked first: a later format may differ everywhere, and only this sentence would help.
    if isinstance(manifest, dict) and manifest.get("format_version", known[0]) not in known:
        raise BundleError(
            f"{file}: format_version is {_clip(manifest['format_version'])}; this version of "
            f"cosme_ros reads the formats {' and '.join(map(str, known))}"
        )
    # What the schema uses means the same in draft 7, which Ubuntu 22.04's jsonschema 3.2 knows.
    validator = jsonschema.Draft7Validator(schema)
    fault = min(validator.iter_errors(manifest), key=lambda e: list(map(str, e.path)), default=None)
    if fault is not None:
        raise BundleError(f"{file}: {_sentence(fault)}")
    return dict(manifest)


def _sentence(fault: jsonschema.ValidationError) -> str:
    where = ".".join(map(str, fault.absolute_path)) or "the manifest"
    wanted = fault.validator_value
    if fault.validator in ("required", "additionalProperties"):
        return f"{where}: {_clip(fault.message, quote=False)}"
    right = {
        "type": f"it must be of type {wanted}",
        "const": f"it must be {wanted!r}",
        "enum": f"it must be one of {wanted}",
        "pattern": f"it must match {wanted}",
        "minimum": f"it must be {wanted} or more",
        "maximum": f"it must be {wanted} or less",
        "exclusiveMinimum": f"it must be above {wanted}",
        "exclusiveMaximum": f"it must be below {wanted}",
        "minLength": f"it must have at least {wanted} characters",
        "minItems": f"it must have at least {wanted} entries",
        "maxItems": f"it must have at most {wanted} entries",
        "minProperties": f"it must have at least {wanted} entries",
    }.get(str(fault.validator), fault.message)
    return f"{where} is {_clip(fault.instance)}; {right}"


def _clip(value: Any, *, quote: bool = True) -> str:
    text = repr(value) if quote else str(value)
    return text if len(text) <= 120 else f"{text[:117]}..."


def sha256_of(file: Path) -> str:
    """Of a file of any size, in hexadecimal."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _check_hash(file: Path, expected: str) -> None:
    try:
        digest = sha256_of(file)
    except FileNotFoundError:
        raise BundleError(f"{file} is missing from the bundle") from None
    except OSError as error:
        raise BundleError(f"{file} cannot be read: {error.strerror}") from error
    if digest != expected:
        raise BundleError(
            f"{file} is damaged or was changed: its SHA-256 is {digest}, and "
            f"{MANIFEST} says {expected}"
        )


def _check_wiring(manifest: Mapping[str, Any], file: Path) -> None:
    """The three graphs fit together: by name, dtype and shape."""
    graphs = manifest["graphs"]
    for graph in ("teacher", "student"):
        inputs = graphs[graph]["inputs"]
        if set(inputs) != {"image"}:
            raise BundleError(
                f"{file}: graphs.{graph}.inputs are {_listed(inputs)}; image alone is right"
            )
        image = inputs["image"]
        shape = image["shape"]
        if (
            image["dtype"] != "uint8"
            or len(shape) != 4
            or (shape[0], shape[3]) != (1, 3)
            or not all(isinstance(length, str) for length in shape[1:3])
        ):
            raise BundleError(
                f"{file}: graphs.{graph}.inputs.image is {image['dtype']} {_shape(shape)}; "
                "uint8 [1, h, w, 3] with free h and w is right"
            )
    twice = set(graphs["teacher"]["outputs"]) & set(graphs["student"]["outputs"])
    if twice:
        raise BundleError(f"{file}: both teacher and student have the output {_listed(twice)}")
    _check_map(graphs, "teacher", "class_id", "uint8", 3, file)
    for name in SCORE_MAPS:
        _check_map(graphs, "memory", name, "float32", 4, file)
    produced = {**graphs["teacher"]["outputs"], **graphs["student"]["outputs"]}
    for name, wanted in graphs["memory"]["inputs"].items():
        if name not in produced:
            continue  # a bank: prototypes.npz is asked for it
        given = produced[name]
        if given["dtype"] != wanted["dtype"] or not _fits(given["shape"], wanted["shape"]):
            raise BundleError(
                f"{file}: memory takes {name} as {wanted['dtype']} {_shape(wanted['shape'])}, but "
                f"it is made as {given['dtype']} {_shape(given['shape'])}"
            )


def _check_map(
    graphs: Mapping[str, Any], graph: str, name: str, dtype: str, rank: int, file: Path
) -> None:
    outputs = graphs[graph]["outputs"]
    where = f"{file}: graphs.{graph}.outputs"
    if name not in outputs:
        raise BundleError(f"{where}: {name} is missing; there are {_listed(outputs)}")
    tensor = outputs[name]
    leading = tensor["shape"][:-2]
    if tensor["dtype"] != dtype or len(leading) != rank - 2 or any(n != 1 for n in leading):
        right = ["1"] * (rank - 2) + ["h", "w"]
        raise BundleError(
            f"{where}.{name} is {tensor['dtype']} {_shape(tensor['shape'])}; "
            f"{dtype} [{', '.join(right)}] is right"
        )


def _load_banks(file: Path, manifest: Mapping[str, Any]) -> dict[str, np.ndarray]:
    arrays = _read_arrays(file)
    graphs = manifest["graphs"]
    produced = {*graphs["teacher"]["outputs"], *graphs["student"]["outputs"]}
    wanted = {k: v for k, v in graphs["memory"]["inputs"].items() if k not in produced}
    if set(arrays) != set(wanted):
        raise BundleError(
            f"{file} holds {_listed(arrays)}; memory.onnx needs {_listed(wanted)} "
            f"beside what teacher and student give"
        )
    sizes = manifest["method"]["prototypes"]
    if set(sizes) != set(manifest["method"]["layers"]):
        raise BundleError(
            f"{file.parent / MANIFEST}: method.prototypes is for {_listed(sizes)}, "
            f"method.layers are {_listed(manifest['method']['layers'])}; they must be the same"
        )
    for layer, size in sizes.items():
        bank = arrays.get(f"bank_{layer}")
        if bank is None:
            raise BundleError(f"{file}: bank_{layer} is missing; there are {_listed(arrays)}")
        if bank.ndim != 2 or len(bank) != size:
            raise BundleError(
                f"{file}: bank_{layer} has shape {_shape(bank.shape)}; method.prototypes.{layer} "
                f"in {MANIFEST} asks for [{size}, C]"
            )
    for name, array in arrays.items():
        tensor = wanted[name]
        if str(array.dtype) != tensor["dtype"] or not _fits(array.shape, tensor["shape"]):
            raise BundleError(
                f"{file}: {name} is {array.dtype} {_shape(array.shape)}; memory.onnx takes "
                f"{tensor['dtype']} {_shape(tensor['shape'])}"
            )
        if not np.isfinite(array).all():
            raise BundleError(f"{file}: {name} holds NaN or infinity; every value must be finite")
        array.setflags(write=False)
    for layer in sizes:
        lengths = np.linalg.norm(arrays[f"bank_{layer}"].astype(np.float64), axis=1)
        worst = int(np.abs(lengths - 1).argmax())
        if abs(lengths[worst] - 1) > _UNIT_LENGTH_TOLERANCE:
            raise BundleError(
                f"{file}: row {worst} of bank_{layer} has length {lengths[worst]:.4g}; prototypes "
                "are unit vectors"
            )
    return arrays


def _read_arrays(file: Path) -> dict[str, np.ndarray]:
    try:
        archive = np.load(file, allow_pickle=False)
        if isinstance(archive, np.ndarray):
            raise ValueError("it is one bare array, not an .npz archive")
        with archive:
            return {name: archive[name] for name in archive.files}
    # Everything that NumPy, zipfile and zlib raise for bytes that are no archive of plain arrays.
    except (
        OSError,
        ValueError,
        EOFError,
        KeyError,
        RuntimeError,
        MemoryError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise BundleError(f"{file} cannot be read as arrays: {error}") from error


def _fits(given: Shape, wanted: Shape) -> bool:
    """No fixed length of one contradicts a fixed length of the other."""
    return len(given) == len(wanted) and all(
        a == b or not (isinstance(a, int) and isinstance(b, int))
        for a, b in zip(given, wanted, strict=True)
    )


def _listed(names: Any) -> str:
    return ", ".join(sorted(names)) or "nothing"


def _shape(shape: Shape) -> str:
    return f"[{', '.join('?' if length is None else str(length) for length in shape)}]"
