# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The bundle on disk: read and verified before anything in it runs.

A bundle is a directory: `manifest.json` (described by `bundle_schema.json`), three ONNX graphs and
the prototype banks. Nothing in it is pickled.
"""

import hashlib
import io
import json
import logging
import math
import stat
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jsonschema
import numpy as np

from cosme_ros.bundle.calibration_table import USUAL_RATE, Calibration
from cosme_ros.bundle.content_digest import CONTENT_DIGEST, content_digest
from cosme_ros.bundle.graph_file import GraphFile, GraphFileError, check_self_contained
from cosme_ros.foreign_text import MOST_OF_A_SENTENCE, printable

MANIFEST = "manifest.json"
PROTOTYPES = "prototypes.npz"
PROTOTYPE_PICTURES = "prototype_pictures.npz"
"""A small picture a prototype; in bundles of users who asked for it."""
GRAPHS = ("teacher", "student", "memory")
NETWORKS = ("teacher", "student")
"""The graphs in which nearly all the time goes; scores are always computed in float32."""
SCORE_MAPS = ("mulmem", "auxcon", "score")

# Exporters round: a row of a bank is a unit vector to float32 accuracy over some thousand channels.
_UNIT_LENGTH_TOLERANCE = 1e-3

# What is larger is no bundle, and is refused before it is read or memory is taken for it.
_LARGEST_MANIFEST = 1 << 22
_LARGEST_GRAPH = (1 << 31) - 1  # protobuf's own limit
_LARGEST_BANKS = 1 << 30
_MOST_ROWS = 1000
_MOST_VALUES = 1 << 28  # of one tensor between the graphs

_log = logging.getLogger(__name__)

Shape = Sequence[int | str | None]


class BundleError(Exception):
    """A bundle cannot be used; the sentence names the file and what is wrong with it."""

    def __init__(self, sentence: str) -> None:
        super().__init__(printable(sentence, MOST_OF_A_SENTENCE))


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
    """SHA-256 of manifest.json, which holds the hash of every other file: the bundle's identity."""
    banks: Mapping[str, np.ndarray]
    """Inputs of memory.onnx by name; `bank_<layer>` is float32 [K, C] with rows of length 1."""
    calibration: Calibration
    _unopened: dict[str, bytes] = field(default_factory=dict, repr=False)
    """Files of graphs that were verified and wait for `read_graph`."""

    @property
    def name(self) -> str:
        """Return the name, for people."""
        return printable(self.manifest["name"])

    @property
    def input_size(self) -> tuple[int, int]:
        """Return height and width in pixels to which the graphs resize every image."""
        size = self.manifest["input_size"]
        return int(size["height"]), int(size["width"])

    @cached_property
    def classes(self) -> tuple[SegmentationClass, ...]:
        """Return the classes of the teacher, in the order of their class_id."""
        return tuple(
            SegmentationClass(entry["name"], tuple(entry["colour"]), entry["drivable"])
            for entry in self.manifest["classes"]
        )

    @cached_property
    def drivable_class_ids(self) -> tuple[int, ...]:
        """Return the class_ids of what a vehicle may drive on; empty without classes."""
        return tuple(i for i, entry in enumerate(self.classes) if entry.drivable)

    @property
    def false_positive_rate(self) -> float:
        """Return the rate to run at where no other is asked for; USUAL_RATE of older exports."""
        return float(self.manifest["calibration"].get("false_positive_rate", USUAL_RATE))

    def rate(self, wanted: float) -> float:
        """Return a false-positive rate that is asked for; for 0 the bundle's own."""
        return wanted or self.false_positive_rate

    @property
    def protects_itself(self) -> bool:
        """Return whether the manifest holds the hash of its content, as older exports do not.

        Without it a changed calibration is not noticed.
        """
        return CONTENT_DIGEST in self.manifest

    def gives_float16(self, graph: str) -> bool:
        """Return whether `graph`, one of GRAPHS, is a network in half precision."""
        outputs = self.manifest["graphs"][graph]["outputs"].values()
        return any(tensor["dtype"] == "float16" for tensor in outputs)

    @property
    def may_use_bfloat16(self) -> bool:
        """Return whether the networks were measured to keep the average precision in bfloat16."""
        return bool(self.manifest.get("precision", {}).get("networks") == "bfloat16")

    def graph_path(self, graph: str) -> Path:
        """Return the path of the ONNX graph `graph`, one of GRAPHS."""
        return self.path / f"{graph}.onnx"


def load_bundle(
    path: str | Path, *, expected_digest: str = "", keep_graphs: bool = False
) -> Bundle:
    """Read and verify the bundle in the directory `path`.

    Checked are the manifest against its schema and its own hash, the hash of every file, the
    calibration table, the banks, and that the three graphs fit together. That a graph is what the
    manifest says of it is checked by `check_graph` where it is opened.

    Args:
        path: the bundle's directory.
        expected_digest: SHA-256 of the manifest's file in hexadecimal, where only this very bundle
            is wanted; '' for any.
        keep_graphs: keep the bytes of the graphs until `read_graph` returns them, once, so that
            they are read and hashed once: for those who open them at once.

    Raises:
        BundleError: the bundle cannot be used, or is not the expected one.
    """
    folder = Path(path).expanduser()
    if not folder.is_dir():
        found = "is a file" if folder.exists() else "does not exist"
        raise BundleError(f"{folder} {found}; a bundle is a directory with a {MANIFEST}")
    manifest_bytes = _read(folder / MANIFEST, _LARGEST_MANIFEST)
    digest = hashlib.sha256(manifest_bytes).hexdigest()
    if expected_digest and digest != expected_digest.strip().lower():
        raise BundleError(
            f"{folder} is not the expected bundle: the SHA-256 of its {MANIFEST} is {digest}, and "
            f"{expected_digest} is expected"
        )
    manifest = _parse_manifest(manifest_bytes, folder / MANIFEST)
    if CONTENT_DIGEST not in manifest:
        _log.info(
            "%s has no %s: it was exported by an older version, and a changed calibration would "
            "not be noticed",
            folder / MANIFEST,
            CONTENT_DIGEST,
        )
    unopened = {}
    for graph in GRAPHS:
        content = _read_verified(folder, f"{graph}.onnx", manifest, _LARGEST_GRAPH)
        if keep_graphs:
            unopened[graph] = content
    banks = _read_verified(folder, PROTOTYPES, manifest, _LARGEST_BANKS)
    if PROTOTYPE_PICTURES in manifest["files"]:
        _read_verified(folder, PROTOTYPE_PICTURES, manifest, _LARGEST_BANKS)
    try:
        calibration = Calibration(manifest["calibration"]["table"])
        if "false_positive_rate" in manifest["calibration"]:
            calibration.threshold(manifest["calibration"]["false_positive_rate"])
    except (ValueError, OverflowError) as error:
        raise BundleError(f"{folder / MANIFEST}: calibration.table: {error}") from error
    _check_references(manifest["calibration"], folder / MANIFEST)
    _check_wiring(manifest, folder / MANIFEST)
    return Bundle(
        path=folder,
        manifest=MappingProxyType(manifest),
        digest=digest,
        banks=MappingProxyType(_load_banks(banks, folder / PROTOTYPES, manifest)),
        calibration=calibration,
        _unopened=unopened,
    )


def read_graph(bundle: Bundle, graph: str) -> GraphFile:
    """Read a graph of GRAPHS, verified: what was hashed is what is returned, to be run.

    Raises:
        BundleError: the file is not what the manifest says, or it refers to another file.
    """
    content = bundle._unopened.pop(graph, None)
    if content is None:
        content = _read_verified(bundle.path, f"{graph}.onnx", bundle.manifest, _LARGEST_GRAPH)
    file = bundle.graph_path(graph)
    try:
        check_self_contained(content)
    except GraphFileError as error:
        raise BundleError(f"{file} cannot be opened by ONNX Runtime: {error}") from error
    return GraphFile(file, content)


def read_arrays(bundle: Bundle, name: str) -> dict[str, np.ndarray] | None:
    """Read an .npz file that not every bundle has, verified; None where this one does not.

    Raises:
        BundleError: the file is not what the manifest says, or holds no plain arrays.
    """
    if name not in bundle.manifest["files"]:
        return None
    content = _read_verified(bundle.path, name, bundle.manifest, _LARGEST_BANKS)
    return _read_arrays(content, bundle.path / name)


def check_graph(
    bundle: Bundle,
    graph: str,
    inputs: Mapping[str, tuple[str, Shape]],
    outputs: Mapping[str, tuple[str, Shape]],
) -> None:
    """Check what a runtime reports of an opened graph against the manifest.

    A free length in the manifest has to be free in an input, because camera images and banks of
    another size come in there. In an output it may be fixed.

    Args:
        bundle: the verified bundle.
        graph: one of GRAPHS.
        inputs: name to NumPy dtype name and shape; a free length is a name or None.
        outputs: likewise.

    Raises:
        BundleError: names or tensors differ from the manifest's; the message names the file.
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
            may_be_fixed = side == "outputs"
            if not (
                dtype == tensor["dtype"]
                and _is_like(shape, tensor["shape"], may_be_fixed=may_be_fixed)
            ):
                raise BundleError(
                    f"{file}: {side[:-1]} {name} is {dtype} {_shape(shape)}; {MANIFEST} says "
                    f"{tensor['dtype']} {_shape(tensor['shape'])}"
                )


def _is_like(shape: Shape, wanted: Shape, *, may_be_fixed: bool) -> bool:
    """Return whether a shape has the fixed lengths of `wanted`, and is free where that is."""
    return len(shape) == len(wanted) and all(
        length == right if isinstance(right, int) else may_be_fixed or not isinstance(length, int)
        for length, right in zip(shape, wanted, strict=True)
    )


def _read(file: Path, largest: int) -> bytes:
    """Return the bytes of a file of the bundle, which has at most `largest` of them."""
    try:
        found = file.stat()
        if not stat.S_ISREG(found.st_mode):
            raise BundleError(f"{file} is no regular file")
        if found.st_size <= largest:
            with file.open("rb") as stream:
                content = stream.read(largest + 1)
            if len(content) <= largest:
                return content
    except FileNotFoundError:
        raise BundleError(f"{file} is missing from the bundle") from None
    except OSError as error:
        raise BundleError(f"{file} cannot be read: {error.strerror}") from error
    raise BundleError(f"{file} has more than {largest} bytes, which is too large for a bundle")


def _read_verified(folder: Path, name: str, manifest: Mapping[str, Any], largest: int) -> bytes:
    """Return the bytes of a file of the bundle, whose hash must be the manifest's."""
    content = _read(folder / name, largest)
    digest, expected = hashlib.sha256(content).hexdigest(), manifest["files"][name]["sha256"]
    if digest != expected:
        raise BundleError(
            f"{folder / name} is damaged or was changed: its SHA-256 is {digest}, and "
            f"{MANIFEST} says {expected}"
        )
    return content


def _parse_manifest(content: bytes, file: Path) -> dict[str, Any]:
    try:
        manifest = json.loads(content, parse_constant=_no_number, parse_float=_finite)
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
    _check_row_count(manifest, file)
    # What the schema uses means the same in draft 7, which Ubuntu 22.04's jsonschema 3.2 knows.
    validator = jsonschema.Draft7Validator(schema)
    fault = min(validator.iter_errors(manifest), key=lambda e: list(map(str, e.path)), default=None)
    if fault is not None:
        raise BundleError(f"{file}: {_sentence(fault)}")
    digest = content_digest(manifest)
    if manifest.get(CONTENT_DIGEST, digest) != digest:
        raise BundleError(
            f"{file} was changed after it was written: the SHA-256 of its content is {digest}, and "
            f"its {CONTENT_DIGEST} is {manifest[CONTENT_DIGEST]}"
        )
    return dict(manifest)


def _check_references(calibration: Mapping[str, Any], file: Path) -> None:
    """Check what a schema cannot express of the references for health and explanations."""
    for name, row in calibration.get("health", {}).get("measures", {}).items():
        if not row["low"] <= row["middle"] <= row["high"]:
            raise BundleError(
                f"{file}: calibration.health.measures.{_clip(name, quote=False)}: low, middle and "
                f"high are {row['low']}, {row['middle']} and {row['high']}; they must not fall"
            )
    parts = calibration.get("parts")
    if parts is None:
        return
    if sorted(parts["shares"], reverse=True) != parts["shares"]:
        raise BundleError(f"{file}: calibration.parts.shares rise; they must fall")
    for name, values in parts["values"].items():
        if len(values) != len(parts["shares"]) or sorted(values) != values:
            raise BundleError(
                f"{file}: calibration.parts.values.{_clip(name, quote=False)} must have a value "
                f"for each of the {len(parts['shares'])} shares, and they must not fall"
            )


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{_clip(text, quote=False)} is too large for a number")
    return value


def _check_row_count(manifest: Any, file: Path) -> None:
    """Refuse a table that the schema would take minutes to look through."""
    calibration = manifest.get("calibration") if isinstance(manifest, dict) else None
    table = calibration.get("table") if isinstance(calibration, dict) else None
    if isinstance(table, list) and len(table) > _MOST_ROWS:
        raise BundleError(
            f"{file}: calibration.table has {len(table)} rows; {_MOST_ROWS} at most are right"
        )


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
    """Return the SHA-256 of a file of any size, in hexadecimal."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _check_wiring(manifest: Mapping[str, Any], file: Path) -> None:
    """Check that the three graphs fit together: by name, dtype and shape."""
    graphs = manifest["graphs"]
    _check_sizes(manifest, file)
    for graph in ("teacher", "student"):
        inputs = graphs[graph]["inputs"]
        if set(inputs) != {"image"}:
            raise BundleError(
                f"{file}: graphs.{graph}.inputs are {_listed(inputs)}; image alone is right"
            )
        _check_tensor(graphs, graph, "inputs", "image", "uint8", (1, "h", "w", 3), file)
    twice = set(graphs["teacher"]["outputs"]) & set(graphs["student"]["outputs"])
    if twice:
        raise BundleError(f"{file}: both teacher and student have the output {_listed(twice)}")
    _check_tensor(graphs, "teacher", "outputs", "class_id", "uint8", (1, "h", "w"), file)
    for name in SCORE_MAPS:
        _check_tensor(graphs, "memory", "outputs", name, "float32", (1, 1, "h", "w"), file)
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


def _check_sizes(manifest: Mapping[str, Any], file: Path) -> None:
    """Check that no tensor between the graphs takes more memory than any network needs."""
    for graph, sides in manifest["graphs"].items():
        for side, tensors in sides.items():
            for name, tensor in tensors.items():
                fixed = [length for length in tensor["shape"] if isinstance(length, int)]
                if math.prod(fixed) > _MOST_VALUES:
                    raise BundleError(
                        f"{file}: graphs.{graph}.{side}.{_clip(name, quote=False)} is "
                        f"{_clip(_shape(tensor['shape']), quote=False)}; at most {_MOST_VALUES} "
                        "values are right"
                    )


def _check_tensor(
    graphs: Mapping[str, Any],
    graph: str,
    side: str,
    name: str,
    dtype: str,
    shape: Shape,
    file: Path,
) -> None:
    tensors = graphs[graph][side]
    where = f"{file}: graphs.{graph}.{side}"
    if name not in tensors:
        raise BundleError(f"{where}: {name} is missing; there are {_listed(tensors)}")
    found = tensors[name]
    may_be_fixed = side == "outputs"
    if found["dtype"] != dtype or not _is_like(found["shape"], shape, may_be_fixed=may_be_fixed):
        raise BundleError(
            f"{where}.{name} is {found['dtype']} {_shape(found['shape'])}; {dtype} {_shape(shape)}"
            f"{'' if may_be_fixed else ' with free h and w'} is right"
        )


def _load_banks(content: bytes, file: Path, manifest: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Return the arrays in `content`, the bytes of `file`."""
    arrays = _read_arrays(content, file)
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
        fault = unit_length_fault(f"bank_{layer}", arrays[f"bank_{layer}"])
        if fault:
            raise BundleError(f"{file}: {fault}")
    return arrays


def unit_length_fault(name: str, bank: np.ndarray) -> str:
    """Return which row of a bank, float32 [K, C], is no unit vector, in a sentence; '' for none."""
    lengths = np.linalg.norm(bank.astype(np.float64), axis=1)
    wrong = ~(np.abs(lengths - 1) <= _UNIT_LENGTH_TOLERANCE)  # NaN is wrong too
    if not wrong.any():
        return ""
    row = int(wrong.argmax())
    return f"row {row} of {name} has length {lengths[row]:.4g}; prototypes are unit vectors"


def _read_arrays(content: bytes, file: Path) -> dict[str, np.ndarray]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            # zipfile unpacks no more of a member than is declared.
            unpacked = sum(member.file_size for member in packed.infolist())
        if unpacked > _LARGEST_BANKS:
            raise ValueError(f"it unpacks to {unpacked} bytes; {_LARGEST_BANKS} at most are right")
        archive = np.load(io.BytesIO(content), allow_pickle=False)
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
    """Return whether no fixed length of one contradicts a fixed length of the other."""
    return len(given) == len(wanted) and all(
        a == b or not (isinstance(a, int) and isinstance(b, int))
        for a, b in zip(given, wanted, strict=True)
    )


def _listed(names: Any) -> str:
    return ", ".join(sorted(names)) or "nothing"


def _shape(shape: Shape) -> str:
    return f"[{', '.join('?' if length is None else str(length) for length in shape)}]"
