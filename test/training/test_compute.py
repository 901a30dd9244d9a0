# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Processes that share a training come to what one of them comes to."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers import shared_training

from training.compute import Compute, batch_share
from training.datasets.normal_frames import FitFrames
from training.errors import UsageError
from training.fitting.crops import CropBatches
from training.fitting.settings import StudentSettings
from training.segmentation.trainer import TeacherTraining

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, torch.Tensor]]:
    """What one process learned, and each of two."""
    torch.set_num_threads(1)
    apart, alone = tmp_path_factory.mktemp("two"), tmp_path_factory.mktemp("one")
    program = [sys.executable, shared_training.__file__, str(apart), "2"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    two = subprocess.Popen(program, env=environment, cwd=apart)
    with pytest.MonkeyPatch.context() as patch:
        shared_training.use_such_networks(patch.setattr)
        one = shared_training.learn(alone, 1)
    assert two.wait(timeout=600) == 0
    return {
        "one": one,
        "first of two": torch.load(apart / "learned_0.pt"),
        "second of two": torch.load(apart / "learned_1.pt"),
    }


def test_processes_that_share_agree_to_the_bit(learned):
    for name, value in learned["first of two"].items():
        assert torch.equal(value, learned["second of two"][name]), name


def test_two_processes_learn_the_prototypes_of_one(learned):
    for layer in shared_training.MEMORY.layers:
        bank = learned["one"][f"bank {layer}"]
        # Sums in float64 differ by 1e-16 with the order of addition, which rounding to float32
        # hides but for rare ties; features of a batch of another size may be 1e-7 off, where the
        # library that computes convolutions goes another way.
        torch.testing.assert_close(
            learned["first of two"][f"bank {layer}"], bank, rtol=0, atol=1e-6
        )


@pytest.mark.parametrize("network", ["student", "teacher"])
def test_two_processes_train_as_one(learned, network):
    names = [name for name in learned["one"] if name.startswith(network)]
    assert names
    for name in names:
        # Gradients are sums of float32 in another order. Were losses averaged by process, not by
        # judged pixel, one step would move the median parameter 4e-4 elsewhere.
        torch.testing.assert_close(
            learned["first of two"][name], learned["one"][name], rtol=1e-5, atol=1e-6
        )


def test_training_changed_the_weights(learned):
    before = shared_training.teacher_network().state_dict()
    moved = [
        float((learned["one"][f"teacher {name}"] - value).abs().max())
        for name, value in before.items()
    ]
    assert np.median(moved) > 1e-4


def test_losses_are_those_of_the_whole_batch(learned):
    torch.testing.assert_close(learned["first of two"]["losses"], learned["one"]["losses"])


def test_shares_of_a_batch_make_it_up():
    frames = FitFrames(shared_training.Pictures(), np.arange(19), (64, 96))
    settings = StudentSettings("", steps=5, batch=6, crop_height=32, crop_width=40, seed=3)
    whole = CropBatches(frames, settings)[4].images
    halves = (range(2), range(2, 6))
    shares = [CropBatches(frames, settings, share)[4].images for share in halves]
    assert torch.equal(torch.cat(shares), whole)


def of_three(rank: int) -> SimpleNamespace:
    return SimpleNamespace(world_size=3, global_rank=rank)


def test_every_place_of_a_batch_is_one_processes():
    shares = [list(batch_share(of_three(rank), 6)) for rank in range(3)]
    assert shares == [[0, 1], [2, 3], [4, 5]]


@pytest.mark.parametrize("batch", [8, 3])
def test_a_batch_that_cannot_be_shared_is_refused(batch):
    with pytest.raises(UsageError, match=f"--batch {batch} .* multiple of 3, at least 6"):
        batch_share(of_three(0), batch)


def test_half_precision_on_a_cpu_is_refused():
    with pytest.raises(UsageError, match="16-mixed needs a GPU"):
        Compute("cpu", precision="16-mixed").launch()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_named():
    with pytest.raises(UsageError, match="--accelerator cuda --devices 1 --nodes 1 cannot be"):
        Compute("cuda").launch()


def test_another_number_of_processes_than_torchrun_started_is_refused(monkeypatch):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UsageError, match="started 2 processes, but --devices times --nodes is 1"):
        Compute("cpu").launch()


def test_mixed_precision_trains_nearly_alike_and_is_not_mixed_into_a_run(tmp_path):
    settings = dataclasses.replace(shared_training.TEACHER, steps=2)

    def train(folder: str, precision: str) -> list[float]:
        training = TeacherTraining(
            settings,
            shared_training.Blocks(),
            shared_training.CLASSES,
            tmp_path / folder,
            compute=Compute("cpu", precision=precision),
        )
        training.run(save_every=1)
        return training.losses

    full, mixed = train("full", "32"), train("mixed", "bf16-mixed")
    assert full != mixed
    # bfloat16 has 8 bits of mantissa: each activation is good to 0.4 %.
    np.testing.assert_allclose(mixed, full, rtol=0.05)
    with pytest.raises(UsageError, match="precision '32', now 'bf16-mixed'"):
        train("full", "bf16-mixed")
