# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Writes a bundle: three graphs, banks, and a manifest with parity and calibration in it."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from tqdm import tqdm

import cosme_ros
from cosme_ros.explanation.prototype_pictures import PrototypePictureMaker
from cosme_ros.inference.memory_features import memory_features
from training.datasets.normal_frames import FitFrames
from training.errors import UsageError
from training.export.calibration_record import calibration_record
from training.export.graph_runner import PROVIDER, GraphRunner
from training.export.half_weights import store_half
from training.export.manifest import file_records, write_checked_manifest, written_whole
from training.export.onnx_writer import OPSET, write_image_graph, write_memory_graph
from training.layers import LAST_HIDDEN, bank_of
from training.method.graphs import (
    CLASS_ID,
    Consensus,
    FittedStudent,
    MemoryGraph,
    StudentGraph,
    TeacherGraph,
)
from training.method.guided_settings import GuidedFilter
from training.method.ridge_student import RidgeStudent
from training.method.standardisation import ClassStatistics
from training.teachers.checkpoint import TeacherCheckpoint

FORMAT_VERSION = 2
PARITY_FRAMES = 10

PARITY_TOLERANCE = 1e-3
"""Largest difference between PyTorch and ONNX Runtime, over the map's largest value.

Both compute in float32 but add in other orders; 1 - cosine then loses up to three digits
where a feature lies nearly on its prototype.
"""


class ParityError(UsageError):
    """The exported graphs do not compute what PyTorch does; no bundle was written."""


@dataclass(frozen=True)
class FittedMethod:
    """All that a bundle is made of.

    Attributes:
        teacher: frozen.
        student: frozen, and the way back from the teacher, if there is one.
        student_description: for the manifest: architecture, width, supervised_layers, ...
        banks: layer to float32 [K, C], rows of norm 1.
        evaluation_layers: L_e of Eq. 7.
        statistics: MulMem is standardised by them; None leaves it as it is.
        size: (height, width) of the network input in pixels.
        pooled: the banks remember all layers on the grid of the coarsest.
        memory_grid: (height, width) on which they remember layers that are finer, and the others
            as they are; None: as `pooled` says.
        layer_powers: layer to the power of its score in Eq. 4; 1 for the others.
        smoothing: of CosMe's score, standard deviation in pixels of the network input; 0 for none.
        guided: makes CosMe's score follow the picture's edges; None for none.
        auxcon_power: of Eq. 7 in the product of Eq. 8.
        backward_power: of each backward score in it.
        half_weights: the files hold the weights in float16; computing stays float32.
    """

    teacher: TeacherCheckpoint
    student: FittedStudent
    student_description: dict[str, Any]
    banks: dict[str, torch.Tensor]
    evaluation_layers: tuple[str, ...]
    statistics: ClassStatistics | None
    size: tuple[int, int]
    pooled: bool
    smoothing: float = 0.0
    guided: GuidedFilter | None = None
    auxcon_power: float = 1.0
    backward_power: float = 1.0
    memory_grid: tuple[int, int] | None = None
    layer_powers: Mapping[str, float] = field(default_factory=dict)
    half_weights: bool = False

    def graphs(self) -> tuple[TeacherGraph, StudentGraph, MemoryGraph]:
        """Return the modules that are exported."""
        layers = tuple(self.banks)
        stride = self.teacher.network.strides[LAST_HIDDEN]
        memory = MemoryGraph(
            layers,
            self.evaluation_layers,
            self.statistics,
            pooled=self.pooled,
            memory_grid=self.memory_grid,
            layer_powers=self.layer_powers,
            smoothing=self.smoothing / stride,
            guided=None if self.guided is None else self.guided.places(stride),
            auxcon_power=self.auxcon_power,
            consensus=self._consensus(),
        )
        student = StudentGraph(
            self.student.network,
            self.evaluation_layers,
            self.size,
            with_generalist=memory.reads_generalist,
            remembered=memory.single_layers,
            memory_grid=self.memory_grid,
        )
        return (
            TeacherGraph(
                self.teacher.network,
                memory.features,
                self.size,
                with_guide=self.guided is not None,
            ).eval(),
            student.eval(),
            memory.eval(),
        )

    def _consensus(self) -> Consensus | None:
        network = self.student.network
        if not isinstance(network, RidgeStudent):
            return None
        channels = network.generalist.layer_channels
        return Consensus(channels, self.student.backward, self.backward_power)


def run_torch(method: FittedMethod, image: np.ndarray) -> dict[str, torch.Tensor]:
    """Return every tensor of the three modules by name, for an image uint8 [H, W, 3] BGR."""
    teacher, student, memory = method.graphs()
    batch = torch.from_numpy(image)[None]
    with torch.inference_mode():
        tensors = dict(zip(teacher.output_names, teacher(batch), strict=True))
        tensors |= dict(zip(student.output_names, student(batch), strict=True))
        tensors |= {bank_of(layer): bank for layer, bank in method.banks.items()}
        scores = memory(*(tensors[name] for name in memory.input_names))
    return tensors | dict(zip(memory.output_names, scores, strict=True))


def write_bundle(
    folder: Path,
    method: FittedMethod,
    calibration_frames: FitFrames,
    *,
    name: str,
    licence: str,
    fitted_on: dict[str, Any],
    fitted_frames: FitFrames | None = None,
    pictured: FitFrames | None = None,
) -> dict[str, Any]:
    """Export, check, calibrate and write; `folder` appears whole or not at all.

    Args:
        folder: of the bundle.
        method: all that it is made of.
        calibration_frames: normal frames that nothing was fitted to.
        name: of the bundle.
        licence: of the bundle.
        fitted_on: for the manifest.
        fitted_frames: normal frames that it was fitted to, for what is normal of images.
        pictured: normal frames out of which each prototype gets a picture; None: no pictures.

    Returns:
        The manifest.

    Raises:
        ParityError: ONNX Runtime and PyTorch disagree by more than PARITY_TOLERANCE.
    """
    with written_whole(folder) as temporary:
        teacher, student, memory = method.graphs()
        example = run_torch(method, calibration_frames[0])
        write_image_graph(teacher, temporary / "teacher.onnx")
        write_image_graph(student, temporary / "student.onnx")
        write_memory_graph(memory, example, temporary / "memory.onnx")
        banks: dict[str, Any] = {bank_of(layer): b.numpy() for layer, b in method.banks.items()}
        np.savez(temporary / "prototypes.npz", **banks)
        runner = GraphRunner(temporary)
        parity = _check_parity(method, runner, calibration_frames)
        stored: dict[str, Any] = {}
        if method.half_weights:
            for network in ("teacher", "student"):
                store_half(temporary / f"{network}.onnx")
            single, runner = runner, GraphRunner(temporary)
            stored["weights"] = {
                "stored": "float16",
                "relative_error": _largest_errors(
                    single.run, runner, calibration_frames, "rounded weights"
                ),
            }
        method_record = _method_record(method)
        input_size = {"height": method.size[0], "width": method.size[1]}
        calibration = calibration_record(
            runner,
            calibration_frames,
            {"method": method_record, "input_size": input_size},
            fitted_frames,
        )
        if pictured is not None:
            _write_pictures(temporary, method, runner, method_record, pictured)
        manifest = {
            "format_version": FORMAT_VERSION,
            "name": name,
            "licence": licence,
            "input_size": input_size,
            "classes": [asdict(c) | {"colour": list(c.colour)} for c in method.teacher.classes],
            "teacher": {
                "architecture": method.teacher.architecture,
                "width": method.teacher.width,
                **method.teacher.network.settings,
                "strides": method.teacher.network.strides,
                "trained_on": method.teacher.trained_on,
            },
            "student": method.student_description,
            "method": method_record,
            "calibration": calibration,
            "parity": parity,
            **stored,
            "graphs": {
                graph: _tensor_specifications(session) for graph, session in runner.sessions.items()
            },
            "files": file_records(sorted(temporary.iterdir())),
            "fitted_on": fitted_on,
            "exporter": {
                "cosme_ros": cosme_ros.__version__,
                "torch": torch.__version__,
                "onnx": version("onnx"),
                "onnxruntime": onnxruntime.__version__,  # whichever of its builds is installed
                "opset": str(OPSET),
            },
        }
        return write_checked_manifest(temporary, manifest)


def _method_record(method: FittedMethod) -> dict[str, Any]:
    """Return the manifest's `method`."""
    return {
        "layers": list(method.banks),
        "evaluation_layers": list(method.evaluation_layers),
        "prototypes": {layer: len(bank) for layer, bank in method.banks.items()},
        "pooled": method.pooled,
        **({} if method.memory_grid is None else {"memory_grid": list(method.memory_grid)}),
        **({"layer_powers": dict(method.layer_powers)} if method.layer_powers else {}),
        "smoothing": method.smoothing,
        **({} if method.guided is None else {"guided": asdict(method.guided)}),
        "auxcon_power": method.auxcon_power,
        "backward_layers": list(method.student.backward),
        "backward_power": method.backward_power,
        "standardisation": "none" if method.statistics is None else "class",
    }


def _write_pictures(
    folder: Path,
    method: FittedMethod,
    runner: GraphRunner,
    record: dict[str, Any],
    frames: FitFrames,
) -> None:
    """Write the pictures of the prototypes, out of normal frames."""
    manifest = {"method": record, "student": method.student_description}
    maker = PrototypePictureMaker(runner.banks)
    for index in tqdm(range(len(frames)), "pictures", unit="frame"):
        outputs = runner.run(frames[index], graphs=("teacher", "student"))
        maker.add(frames[index], memory_features(manifest, outputs))
    maker.write(folder)


def relative_error(name: str, value: np.ndarray, reference: np.ndarray) -> float:
    """Return the largest difference over the largest value; of class ids, the differing share."""
    if name == CLASS_ID:
        # A tie between two classes may fall either way: a share of pixels, not a sum.
        return float(np.mean(value != reference))
    return float(np.abs(value - reference).max() / np.abs(reference).max())


def _check_parity(method: FittedMethod, runner: GraphRunner, frames: FitFrames) -> dict[str, Any]:
    def of_torch(image: np.ndarray) -> dict[str, np.ndarray]:
        return {name: value.numpy() for name, value in run_torch(method, image).items()}

    largest_error = _largest_errors(of_torch, runner, frames, "parity")
    broken = {name: e for name, e in largest_error.items() if not e <= PARITY_TOLERANCE}
    if broken:
        raise ParityError(
            f"ONNX Runtime differs from PyTorch by more than {PARITY_TOLERANCE}: {broken}"
        )
    return {
        "frames": min(PARITY_FRAMES, len(frames)),
        "provider": PROVIDER,
        "tolerance": PARITY_TOLERANCE,
        "relative_error": largest_error,
    }


def _largest_errors(
    reference: Callable[[np.ndarray], Mapping[str, np.ndarray]],
    runner: GraphRunner,
    frames: FitFrames,
    title: str,
) -> dict[str, float]:
    """Return by output the largest relative error over the first PARITY_FRAMES frames."""
    largest: dict[str, float] = {}
    for index in tqdm(range(min(PARITY_FRAMES, len(frames))), title, unit="frame"):
        wanted = reference(frames[index])
        for name, value in runner.run(frames[index]).items():
            error = relative_error(name, value, wanted[name])
            largest[name] = max(error, largest.get(name, 0.0))
    return largest


def _tensor_specifications(session: onnxruntime.InferenceSession) -> dict[str, Any]:
    names = {"tensor(float)": "float32", "tensor(uint8)": "uint8"}

    def describe(specs: list[Any]) -> dict[str, Any]:
        return {s.name: {"dtype": names[s.type], "shape": list(s.shape)} for s in specs}

    return {
        "inputs": describe(session.get_inputs()),
        "outputs": describe(session.get_outputs()),
    }
