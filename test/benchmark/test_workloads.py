# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Smaller relatives of the paper's networks: the bundle and PyTorch say the same of a frame."""

import numpy as np
import pytest
import torch
from default_method import random_default
from device import HALF, torch_device
from networks import score_errors
from torch_cosme import TorchCosme, on_host
from workloads import PaperMethod, export

from cosme_ros.inference.detector import Detector
from training.export.bundle_writer import PARITY_TOLERANCE
from training.method.presets import DEFAULT

SIZE = (64, 128)
PROTOTYPES = 24


@pytest.fixture(scope="module")
def workload(tmp_path_factory):
    folder = tmp_path_factory.mktemp("paper") / "bundle"
    shallow = "deeplabv3plus_resnet18"  # a tenth of ResNet-101's layers to export
    method = PaperMethod(width=0.25, teacher_name=shallow, student_name=shallow)
    return method.at(SIZE, folder, prototypes=PROTOTYPES)


@pytest.fixture(scope="module")
def detector(workload):
    return Detector(workload.bundle, provider="cpu", false_positive_rate=0.1)


def test_it_has_the_layers_and_strides_of_the_paper(workload):
    manifest = workload.bundle.manifest
    assert manifest["method"]["layers"] == ["c4", "c5", "lh"]
    assert manifest["teacher"]["strides"]["c5"] == 16
    assert manifest["method"]["evaluation_layers"] == ["c5"]
    assert manifest["method"]["prototypes"] == dict.fromkeys(("c4", "c5", "lh"), PROTOTYPES)
    assert workload.bundle.input_size == SIZE


def test_pytorch_and_the_detector_see_the_same(workload, detector):
    cosme = TorchCosme(workload.method)
    for image in workload.images:
        detection = detector.detect(image)
        score, grid = on_host(cosme, image, "cpu")
        wanted = detection.raw_score_grid
        assert wanted.std() > 0  # else every implementation would agree
        assert np.abs(grid - wanted).max() <= PARITY_TOLERANCE * wanted.max()
        # At camera size the detector's is divided by its alarm line.
        large = detection.score * detector.threshold
        assert np.abs(score - large).max() <= PARITY_TOLERANCE * wanted.max()


def test_the_default_method_is_what_fit_writes_and_what_pytorch_computes(tmp_path):
    shallow = "deeplabv3plus_resnet18"
    teacher = PaperMethod(width=0.25, teacher_name=shallow, student_name=shallow).teacher
    default = export(random_default(teacher, SIZE), tmp_path / "bundle", "default")
    manifest = default.bundle.manifest
    assert manifest["student"]["fitted"] == "ridge"
    assert manifest["method"]["layers"] == list(DEFAULT.memory_layers)
    assert manifest["method"]["backward_layers"] == list(DEFAULT.backward_layers)
    assert {"guide", "generalist"} <= set(manifest["graphs"]["memory"]["inputs"])
    image = default.images[0]
    found = Detector(default.bundle, provider="cpu", false_positive_rate=0.1).detect(image)
    wanted = on_host(TorchCosme(default.method), image, "cpu")[1]
    assert wanted.std() > 0
    assert np.abs(found.raw_score_grid - wanted).max() <= PARITY_TOLERANCE * wanted.max()


def test_half_precision_is_near_but_not_the_same(workload):
    image = workload.images[0]
    exact = on_host(TorchCosme(workload.method), image, "cpu")[1]
    half = on_host(TorchCosme(workload.method, HALF["cpu"]), image, "cpu")[1]
    assert half.dtype == np.float32
    # bfloat16 keeps 8 bits: its relative error of 2^-8 a rounding grows over tens of layers, but
    # the map stays recognisable.
    assert np.abs(half - exact).max() > 0
    assert np.corrcoef(half.ravel(), exact.ravel())[0, 1] > 0.7


def test_making_it_leaves_the_method_as_it_was(workload):
    before = on_host(TorchCosme(workload.method), workload.images[0], "cpu")[1]
    TorchCosme(workload.method, HALF["cpu"])
    after = on_host(TorchCosme(workload.method), workload.images[0], "cpu")[1]
    np.testing.assert_array_equal(after, before)


def test_multiply_adds_are_those_that_pytorch_does(workload):
    """Counted once more where they are done: by hooks on the convolutions of the modules."""
    cosme = TorchCosme(workload.method)
    counted = {"teacher": 0, "student": 0}
    for name in counted:
        for module in getattr(cosme, name).modules():
            if isinstance(module, torch.nn.Conv2d):

                def add(module, _, output, name=name):
                    each = module.in_channels // module.groups * np.prod(module.kernel_size)
                    counted[name] += output.numel() * int(each)

                module.register_forward_hook(add)
    on_host(cosme, workload.images[0], "cpu")
    for name, multiply_adds in counted.items():
        assert workload.multiply_adds[name] == multiply_adds
    banks = workload.bundle.banks
    coarse = (SIZE[0] // 16) * (SIZE[1] // 16)
    # Beside the products with the banks: sums over channels, for the norms and for AuxCon.
    sums = sum(bank.shape[1] for bank in banks.values()) + banks["bank_c5"].shape[1]
    products = sum(bank.size for bank in banks.values())
    assert workload.multiply_adds["memory"] == coarse * (products + sums)
    graphs = ("teacher", "student", "memory")
    assert workload.multiply_adds["all"] == sum(workload.multiply_adds[graph] for graph in graphs)


def test_score_errors_are_relative_to_the_largest_score():
    images = [np.zeros((1, 1)), np.ones((1, 1))]
    grids = {
        "exact": lambda image: np.array([[0.0, 4.0]]) if image.any() else np.array([[1.0, 2.0]]),
        "off": lambda image: np.array([[0.0, 3.0]]) if image.any() else np.array([[1.0, 2.0]]),
    }
    errors = score_errors(grids, images, reference="exact")
    assert errors["exact"] == {"mean": 0.0, "largest": 0.0}
    assert errors["off"] == {"mean": 1 / 4 / 4, "largest": 1 / 4}


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_refused():
    assert torch_device("auto") == "cpu"
    with pytest.raises(ValueError, match="--torch-device cpu"):
        torch_device("cuda")


def test_a_bundle_in_int8_is_smaller_and_scores_alike(tmp_path):
    shallow = "deeplabv3plus_resnet18"
    method = PaperMethod(width=0.25, teacher_name=shallow, student_name=shallow)
    workload = method.at(SIZE, tmp_path / "bundle", prototypes=PROTOTYPES, int8=True)
    assert workload.bundle is workload.single
    sizes = [
        (bundle.path / "teacher.onnx").stat().st_size for bundle in (workload.int8, workload.single)
    ]
    assert sizes[0] < 0.5 * sizes[1]
    found, wanted = (
        Detector(bundle, provider="cpu", false_positive_rate=0.1)
        .detect(workload.images[0])
        .raw_score_grid
        for bundle in (workload.int8, workload.single)
    )
    assert np.corrcoef(found.ravel(), wanted.ravel())[0, 1] > 0.7


def test_a_bundle_that_may_compute_in_bfloat16_is_the_same_in_float32(tmp_path):
    shallow = "deeplabv3plus_resnet18"
    method = PaperMethod(width=0.25, teacher_name=shallow, student_name=shallow)
    workload = method.at(SIZE, tmp_path / "bundle", prototypes=PROTOTYPES, bfloat16=True)
    assert workload.bfloat16.may_use_bfloat16
    found, wanted = (
        Detector(bundle, provider="cpu", false_positive_rate=0.1)
        .detect(workload.images[0])
        .raw_score_grid
        for bundle in (workload.bfloat16, workload.single)
    )
    np.testing.assert_array_equal(found, wanted)


def test_a_bundle_in_half_precision_is_half_as_large_and_scores_nearly_the_same(tmp_path):
    shallow = "deeplabv3plus_resnet18"
    method = PaperMethod(width=0.25, teacher_name=shallow, student_name=shallow)
    half = method.at(SIZE, tmp_path / "bundle", prototypes=PROTOTYPES, half=True)
    sizes = [
        (workload_bundle.path / "teacher.onnx").stat().st_size
        for workload_bundle in (half.bundle, half.single)
    ]
    assert sizes[0] < 0.6 * sizes[1]
    grids = [
        Detector(bundle, provider="cpu", false_positive_rate=0.1).detect(half.images[0])
        for bundle in (half.bundle, half.single)
    ]
    found, wanted = (detection.raw_score_grid for detection in grids)
    # float16 keeps 11 bits: some 2^-11 a rounding, grown over tens of layers.
    assert 0 < np.abs(found - wanted).max() < 0.1 * wanted.max()
    assert half.multiply_adds["teacher"] > 0
