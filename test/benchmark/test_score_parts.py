# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The command that compares factors of the score, on a tiny teacher of random weights."""

import argparse

import numpy as np
import pytest
import score_parts
import torch

from training.datasets.readers.class_list import SegmentationClass
from training.layers import bank_of, student_layer
from training.method.presets import DEFAULT
from training.teachers.checkpoint import TeacherCheckpoint, save_teacher
from training.teachers.factory import build_teacher

SIZE = ("--size", "64", "96")
DATA = "synthetic_anomalies:3:4"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("parts")
    torch.manual_seed(0)
    network = build_teacher("deeplabv3plus_resnet18", 3, width=0.0625).eval()
    classes = tuple(SegmentationClass(name, (0, 0, 0), False) for name in ("a", "b", "c"))
    save_teacher(
        folder / "teacher.pt",
        TeacherCheckpoint(network, "deeplabv3plus_resnet18", 0.0625, classes, "nothing"),
    )
    return folder


def run(folder, *more):
    arguments = ["--teacher", str(folder / "teacher.pt"), "--fit", "synthetic:0:4", *SIZE]
    arguments += ["--generalist", "efficientnet_lite0", "--generalist-size", "96", "144"]
    arguments += ["--prototypes", "8", "--cache", str(folder / "cache")]
    return score_parts.main([*arguments, "--data", f"streets={DATA}", *more])


def rows(output):
    cells = [line.strip("| ").split(" | ") for line in output.splitlines() if line[:1] == "|"]
    return {name: values for name, *values in cells[2:]}


def test_every_factor_and_product_has_a_row_and_the_cache_changes_nothing(folder, capsys):
    assert run(folder, "--data", f"half={DATA}@2:4") == 0
    first = rows(capsys.readouterr().out)
    assert {"memory generalist_c3", "backward nothing", "energy"} <= set(first)
    assert set(score_parts.PRODUCTS) <= set(first)
    assert all(len(values) == 2 for values in first.values())
    files = list((folder / "cache").glob("*/*/*.pt"))
    assert len(files) == 2 * (4 + 4)
    for file in files:
        file.touch()
    assert run(folder, "--data", f"half={DATA}@2:4") == 0
    assert rows(capsys.readouterr().out) == first


def test_products_of_layers_that_the_generalist_lacks_are_left_out(folder, capsys):
    assert run(folder, "--generalist-layers", "c2,c3,c4") == 0
    found = rows(capsys.readouterr().out)
    assert "M G34 f" in found
    assert not any("G345" in name or "G45" in name for name in found)


def test_the_default_is_what_the_bundles_graph_computes(folder, monkeypatch, capsys):
    kept = {}
    monkeypatch.setattr(
        score_parts,
        "evaluate_parts",
        lambda several, watcher, parts, deviation: kept.update(watcher=watcher, parts=parts) or {},
    )
    monkeypatch.setattr(score_parts, "as_table", str)
    run(folder)
    capsys.readouterr()
    parts, watcher = kept["parts"], kept["watcher"]
    image = np.random.default_rng(0).integers(0, 256, (128, 192, 3), dtype=np.uint8)
    seen = watcher("random", [image], 0)
    factors = parts(seen)
    found = score_parts.product(factors, score_parts.PRODUCTS["c5^0.5 g3 g4^2 B f (the default)"])

    consensus = score_parts.Consensus(
        watcher.generalist.layer_channels,
        {layer: parts._graph._backward_map(layer) for layer in DEFAULT.backward_layers},
        DEFAULT.backward_power,
    )
    graph = score_parts.MemoryGraph(
        DEFAULT.memory_layers,
        DEFAULT.evaluation_layers,
        None,
        pooled=DEFAULT.pooled,
        memory_grid=parts._memory_grid,
        layer_powers=DEFAULT.layer_powers,
        auxcon_power=DEFAULT.auxcon_power,
        consensus=consensus,
    )
    views = parts._student.views(seen["generalist"])
    tensors = seen | {bank_of(layer): bank for layer, bank in parts.banks.items()}
    tensors |= parts._remembered(seen)
    tensors |= {student_layer(layer): view for layer, view in views.items()}
    tensors["lh"] = torch.zeros(1, 1, *seen["energy"].shape[2:])
    with torch.inference_mode():
        wanted = graph(*(tensors[name] for name in graph.input_names))[2]
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-9)


def test_spellings_with_and_without_frames():
    composited = score_parts.parse_data("far=composited:0:camvid=/data:test@::2")
    assert composited == ("far", "composited:0:camvid=/data:test", slice(None, None, 2))
    assert score_parts.parse_data("near=x=/data").frames == slice(None, None, None)
    with pytest.raises(argparse.ArgumentTypeError, match="is not TITLE"):
        score_parts.parse_data("x")
