# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""A real bundle, small enough to write in every test: three ONNX graphs of a few colour filters.

The "teacher" describes a pixel by its colour differences, the "student" copies it except for one
channel that answers to magenta only, and the banks hold what streets of `street_frame` look like.
So magenta things are anomalous to both, and grey, green and blue ones are normal: a node test can
put a magenta box on the road and see an obstacle. Neither torch nor an exporter is needed.

Everything is deterministic: the same arguments write the same bytes.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

from cosme_ros.bundle.writing import write_manifest

OPSET = 18
IR_VERSION = 8
LAYERS = {"c4": 8, "c5": 8, "lh": 4}  # layer -> stride at network input size
CHANNELS = {"c4": 7, "c5": 8, "lh": 7}
PROTOTYPES = {"c4": 3, "c5": 4, "lh": 3}
CLASSES = (
    {"name": "road", "colour": [128, 64, 128], "drivable": True},
    {"name": "vegetation", "colour": [107, 142, 35], "drivable": False},
    {"name": "sky", "colour": [70, 130, 180], "drivable": False},
    {"name": "vehicle", "colour": [0, 0, 142], "drivable": False},
)
RATES = (0.5, 0.2, 0.1, 0.03, 0.01, 0.003, 0.001)
NORMAL_FRAMES = 8
MARGIN = 2.0  # keeps streets of other seeds and sizes below the alarm line

# One row a channel, weights for R, G, B and a bias: six colour differences and a constant, so that
# the direction of the vector is the hue, and grey points along the constant.
_COLOUR_FILTERS = np.array(
    [
        [1, -1, 0, 0],
        [-1, 1, 0, 0],
        [0, -1, 1, 0],
        [0, 1, -1, 0],
        [1, 0, -1, 0],
        [-1, 0, 1, 0],
        [0, 0, 0, 0.25],
    ],
    np.float32,
)
_MAGENTA_FILTER = np.array([[1, -2, 1, -0.4]], np.float32)
_CLASS_FILTERS = np.array(
    [[0, 0, 0, 0.06], [-0.5, 1, -0.5, 0], [-0.5, -0.5, 1, 0], [1, -0.5, -0.5, 0]], np.float32
)


def street_frame(
    height: int, width: int, *, box: tuple[int, int, int, int] | None = None, seed: int = 0
) -> np.ndarray:
    """A noisy street of flat colours, uint8 [height, width, 3] BGR: sky above, road below.

    `box` (x, y, width, height in pixels) is painted magenta: an obstacle where it is on the road.
    """
    random = np.random.default_rng(seed)
    image = np.empty((height, width, 3), np.float32)
    horizon = height * 2 // 5
    image[:horizon] = (230, 170, 120)
    image[horizon:] = (50, 130, 40)
    rows = np.arange(horizon, height)[:, None]
    half_road = (0.15 + 0.35 * (rows - horizon) / (height - horizon)) * width
    on_road = np.abs(np.arange(width)[None, :] - width / 2) <= half_road
    image[horizon:][on_road] = (100, 100, 100)
    if box is not None:
        x, y, box_width, box_height = box
        image[y : y + box_height, x : x + box_width] = (230, 20, 230)
    image *= random.uniform(0.8, 1.1)
    image += random.normal(0, 2, image.shape)
    return np.clip(image, 0, 255).astype(np.uint8)


def write_tiny_bundle(folder: Path, *, height: int = 64, width: int = 96, seed: int = 0) -> Path:
    """Write a bundle for a network input of height x width pixels (multiples of 8) to `folder`.

    `seed` chooses the frames that the banks and the calibration come from. Returns `folder`.
    """
    if height % 8 or width % 8:
        raise ValueError(f"height and width must be multiples of 8, not {height} and {width}")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    teacher, student = _teacher(height, width), _student(height, width)
    memory = _memory(height, width)
    graphs = {"teacher": teacher, "student": student, "memory": memory}
    for name, model in graphs.items():
        onnx.checker.check_model(model, full_check=True)
        (folder / f"{name}.onnx").write_bytes(model.SerializeToString(deterministic=True))

    # Two camera resolutions: what resizing leaves of noise and edges differs between them.
    frames = [
        street_frame(*((height, width), (360, 640))[i % 2], seed=1000 * seed + i)
        for i in range(NORMAL_FRAMES)
    ]
    features = [_run(teacher, {"image": frame[None]}) for frame in frames]
    banks = {
        f"bank_{layer}": _bank([f[layer] for f in features], PROTOTYPES[layer]) for layer in LAYERS
    }
    np.savez(folder / "prototypes.npz", **banks)

    scores = []
    for frame, maps in zip(frames, features, strict=True):
        inputs = {**maps, **_run(student, {"image": frame[None]}), **banks}
        wanted = [value.name for value in memory.graph.input]
        scores.append(_run(memory, {name: inputs[name] for name in wanted})["score"].ravel())
    normal = np.concatenate(scores)
    manifest = {
        "format_version": 1,
        "name": "tiny",
        "licence": "Apache-2.0",
        "input_size": {"height": height, "width": width},
        "classes": list(CLASSES),
        "teacher": {"architecture": "colour_filters", "width": 1.0},
        "student": {
            "architecture": "colour_filters",
            "width": 1.0,
            "supervised_layers": ["c5"],
        },
        "method": {
            "layers": list(LAYERS),
            "evaluation_layers": ["c5"],
            "prototypes": PROTOTYPES,
            "standardisation": "none",
        },
        "calibration": {
            "frames": NORMAL_FRAMES,
            "pixels": int(normal.size),
            "table": [
                {
                    "false_positive_rate": rate,
                    "raw_score": float(MARGIN * np.quantile(normal, 1 - rate)),
                }
                for rate in RATES
            ],
        },
        "parity": {
            "frames": 1,
            "provider": "cpu",
            "tolerance": 1e-4,
            "relative_error": {"mulmem": 0.0, "auxcon": 0.0, "score": 0.0},
        },
        "graphs": {
            name: {
                "inputs": _describe(model.graph.input),
                "outputs": _describe(model.graph.output),
            }
            for name, model in graphs.items()
        },
        "files": {},
        "fitted_on": {
            "description": "streets of flat colours",
            "frames": NORMAL_FRAMES,
            "seed": seed,
        },
        "exporter": {
            "cosme_ros": "0.1.0",
            "torch": "not used",
            "onnx": onnx.__version__,
            "opset": str(OPSET),
        },
    }
    seal(folder, manifest)
    return folder


def seal(folder: Path, manifest: dict[str, Any]) -> None:
    """Write `manifest` to `folder` with the hashes of the files that lie there now."""
    files = ("teacher.onnx", "student.onnx", "memory.onnx", "prototypes.npz")
    manifest["files"] = {
        file: {"sha256": hashlib.sha256((folder / file).read_bytes()).hexdigest()} for file in files
    }
    write_manifest(folder, manifest)


def _run(model: onnx.ModelProto, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


def _bank(maps: list[np.ndarray], size: int) -> np.ndarray:
    """`size` unit rows, each the sampled feature least similar to those before it."""
    rows = np.concatenate([m[0].reshape(m.shape[1], -1).T for m in maps])
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    chosen = [rows[0]]
    while len(chosen) < size:
        chosen.append(rows[np.argmin((rows @ np.stack(chosen).T).max(axis=1))])
    return np.stack(chosen).astype(np.float32)


def _describe(values: Any) -> dict[str, Any]:
    dtypes = {TensorProto.UINT8: "uint8", TensorProto.FLOAT: "float32"}
    return {
        value.name: {
            "dtype": dtypes[value.type.tensor_type.elem_type],
            "shape": [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim],
        }
        for value in values
    }


class _Graph:
    """Collects nodes and constants of one graph."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: np.ndarray) -> str:
        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def add(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        node = helper.make_node(kind, inputs, [output], name=f"make_{output}", **attributes)
        self.nodes.append(node)
        return output

    def filters(self, source: str, output: str, rows: np.ndarray) -> str:
        """1x1 convolution: rows [C_out, C_in + 1], the bias last."""
        weight = self.constant(f"{output}_weight", rows[:, :-1, None, None].copy())
        bias = self.constant(f"{output}_bias", rows[:, -1].copy())
        return self.add("Conv", [source, weight, bias], output)

    def resize(self, source: str, output: str, shape: list[int], *, antialias: bool = False) -> str:
        sizes = self.constant(f"{output}_sizes", np.array(shape, np.int64))
        return self.add(
            "Resize",
            [source, "", "", sizes],
            output,
            mode="linear",
            coordinate_transformation_mode="half_pixel",
            antialias=int(antialias),
        )

    def pixels(self, height: int, width: int) -> str:
        """uint8 [1, h, w, 3] BGR -> float32 [1, 3, height, width] RGB in 0..1."""
        self.add("Cast", ["image"], "bgr_last", to=TensorProto.FLOAT)
        self.add("Transpose", ["bgr_last"], "bgr", perm=[0, 3, 1, 2])
        self.resize("bgr", "bgr_resized", [1, 3, height, width], antialias=True)
        order = self.constant("rgb_order", np.array([2, 1, 0], np.int64))
        self.add("Gather", ["bgr_resized", order], "rgb_255", axis=1)
        return self.add("Div", ["rgb_255", self.constant("white", np.float32(255))], "rgb")

    def model(self, name: str, inputs: list[Any], outputs: list[Any]) -> onnx.ModelProto:
        graph = helper.make_graph(self.nodes, name, inputs, outputs, self.constants)
        return helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
        )


def _tensor(name: str, shape: list[int | str], dtype: int = TensorProto.FLOAT) -> Any:
    return helper.make_tensor_value_info(name, dtype, shape)


def _image() -> Any:
    return _tensor("image", [1, "h", "w", 3], TensorProto.UINT8)


def _map_shape(layer: str, height: int, width: int) -> list[int]:
    return [1, CHANNELS[layer], height // LAYERS[layer], width // LAYERS[layer]]


def _teacher(height: int, width: int) -> onnx.ModelProto:
    graph = _Graph()
    rgb = graph.pixels(height, width)
    fine = graph.add("AveragePool", [rgb], "rgb_4", kernel_shape=[4, 4], strides=[4, 4])
    coarse = graph.add("AveragePool", [rgb], "rgb_8", kernel_shape=[8, 8], strides=[8, 8])
    graph.add("Relu", [graph.filters(fine, "lh_linear", _COLOUR_FILTERS)], "lh")
    graph.add("Relu", [graph.filters(coarse, "c4_linear", _COLOUR_FILTERS)], "c4")
    rows = np.concatenate([_COLOUR_FILTERS, _MAGENTA_FILTER])
    graph.add("Relu", [graph.filters(coarse, "c5_linear", rows)], "c5")
    logits = graph.filters(fine, "logits", _CLASS_FILTERS)
    graph.add("ArgMax", [logits], "class_index", axis=1, keepdims=0)
    graph.add("Cast", ["class_index"], "class_id", to=TensorProto.UINT8)
    outputs = [_tensor(layer, list(_map_shape(layer, height, width))) for layer in LAYERS]
    class_id = _tensor("class_id", [1, height // 4, width // 4], TensorProto.UINT8)
    return graph.model("teacher", [_image()], [*outputs, class_id])


def _student(height: int, width: int) -> onnx.ModelProto:
    graph = _Graph()
    rgb = graph.pixels(height, width)
    coarse = graph.add("AveragePool", [rgb], "rgb_8", kernel_shape=[8, 8], strides=[8, 8])
    # 20 % off everywhere, so that AuxCon is never exactly 0, and blind for magenta.
    rows = np.concatenate([_COLOUR_FILTERS * np.float32(0.8), 0 * _MAGENTA_FILTER])
    graph.add("Relu", [graph.filters(coarse, "c5_linear", rows)], "student_c5")
    output = _tensor("student_c5", list(_map_shape("c5", height, width)))
    return graph.model("student", [_image()], [output])


def _memory(height: int, width: int) -> onnx.ModelProto:
    graph = _Graph()
    out_shape = [1, 1, height // 4, width // 4]
    one = graph.constant("one", np.float32(1))
    zero = graph.constant("zero", np.float32(0))
    channel_axis = graph.constant("channel_axis", np.array([1], np.int64))
    distances = []
    for layer, channels in CHANNELS.items():
        rows, columns = height // LAYERS[layer], width // LAYERS[layer]
        unit = graph.add("LpNormalization", [layer], f"{layer}_unit", axis=1, p=2)
        flat_shape = graph.constant(f"{layer}_flat_shape", np.array([channels, -1], np.int64))
        flat = graph.add("Reshape", [unit, flat_shape], f"{layer}_flat")
        cosine = graph.add("MatMul", [f"bank_{layer}", flat], f"{layer}_cosine")
        axis = graph.constant(f"{layer}_axis", np.array([0], np.int64))
        nearest = graph.add("ReduceMax", [cosine, axis], f"{layer}_nearest", keepdims=0)
        map_shape = graph.constant(f"{layer}_map_shape", np.array([1, 1, rows, columns], np.int64))
        nearest_map = graph.add("Reshape", [nearest, map_shape], f"{layer}_nearest_map")
        gap = graph.add("Sub", [one, nearest_map], f"{layer}_gap")
        distance = graph.add("Max", [gap, zero], f"{layer}_distance")
        distances.append(graph.resize(distance, f"{layer}_resized", out_shape))
    pair = graph.add("Mul", distances[:2], "coarse_product")
    graph.add("Mul", [pair, distances[2]], "mulmem")
    difference = graph.add("Sub", ["c5", "student_c5"], "difference")
    squared = graph.add("Mul", [difference, difference], "squared")
    error = graph.add("ReduceMean", [squared, channel_axis], "error", keepdims=1)
    graph.resize(error, "auxcon", out_shape)
    graph.add("Mul", ["mulmem", "auxcon"], "score")
    inputs = [_tensor(layer, list(_map_shape(layer, height, width))) for layer in LAYERS]
    inputs.append(_tensor("student_c5", list(_map_shape("c5", height, width))))
    inputs += [_tensor(f"bank_{name}", [f"k_{name}", c]) for name, c in CHANNELS.items()]
    outputs = [_tensor(name, list(out_shape)) for name in ("mulmem", "auxcon", "score")]
    return graph.model("memory", inputs, outputs)
