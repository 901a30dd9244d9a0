# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import json

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score

from cosme_ros.metrics.labels import to_size
from training.checkpoint_file import save_checkpoint
from training.datasets.registry import open_dataset
from training.errors import UsageError
from training.evaluation.ablation import LayerScores, ScoreArithmetic, ablate
from training.evaluation.ablation_report import ablation_tables, write_ablation
from training.evaluation.frame_scores import FrameScorer
from training.evaluation.paper_tables import EVALUATION_LAYER_SETS, MEMORY_LAYER_SETS
from training.fitting import state
from training.method.student import Student
from training.teachers.factory import build_teacher

ARCHITECTURE = "deeplabv3plus_resnet18"
WIDTH = 0.0625


PLAIN = ScoreArithmetic(False, 1.0, 0.0, ("c5",))
POOLED = ScoreArithmetic(True, 1.0, 0.0, ("c5",))


class Faded(torch.nn.Module):
    """The tiny bundle's student, and more layers than the bundle holds: all but magenta, paler."""

    layers = ("c4", "c5", "lh", "o")

    def __init__(self, teacher):
        super().__init__()
        self.teacher = teacher
        self.mean, self.standard_deviation = teacher.mean, teacher.standard_deviation

    def forward(self, x):
        views = {layer: 0.8 * value for layer, value in self.teacher(x).items()}
        views["c5"][:, -1] = 0
        return views


@pytest.fixture
def scorer(bundle, teacher):
    return FrameScorer(bundle, teacher, ("score",))


def test_whole_sets_give_the_bundles_own_scores(bundle, scorer, dataset):
    ablation = ablate(dataset, LayerScores(scorer, None, PLAIN))
    maps = FrameScorer(bundle, None, ("mulmem", "score"))
    pooled = {"mulmem": [], "score": []}
    truth = []
    for image, label in (dataset.source[i] for i in range(len(dataset.source))):
        for method, score in maps.maps(image).items():
            pooled[method].append(to_size(score, label.shape)[label != 255])
        truth.append(label[label != 255])
    for row, method in (
        (ablation.memory["c4", "c5", "lh"], "mulmem"),
        (ablation.evaluation["c5",], "score"),
    ):
        wanted = average_precision_score(np.concatenate(truth), np.concatenate(pooled[method]))
        # PyTorch and ONNX Runtime order pixels of nearly equal score differently.
        assert row.average_precision == pytest.approx(wanted, abs=1e-3)
    assert ablation.memory_layers == ("c4", "c5", "lh")
    assert ablation.frames == 3


def test_rows_nobody_learned_are_missing_and_say_so(scorer, dataset):
    ablation = ablate(dataset, LayerScores(scorer, None, PLAIN))
    assert list(ablation.memory) == list(MEMORY_LAYER_SETS)
    assert not any(isinstance(row, str) for row in ablation.memory.values())
    assert list(ablation.evaluation) == list(EVALUATION_LAYER_SETS)
    missing = {s: row for s, row in ablation.evaluation.items() if isinstance(row, str)}
    assert set(missing) == set(EVALUATION_LAYER_SETS) - {("c5",)}
    assert missing["c4", "c5", "lh"] == "the student never learned c4 and lh"


def test_the_kept_student_fills_the_lower_half(scorer, dataset, teacher):
    ablation = ablate(dataset, LayerScores(scorer, Faded(teacher.network), PLAIN))
    figures = [row.average_precision for row in ablation.evaluation.values()]
    # Each row is another product.
    assert len(set(figures)) == len(EVALUATION_LAYER_SETS)


def test_rows_are_products_of_their_layers(scorer, dataset, teacher):
    image, _ = dataset.source[1]
    maps = LayerScores(scorer, Faded(teacher.network), PLAIN)(image)
    gamma, psi = maps.gamma, maps.psi
    assert (set(gamma), set(psi)) == ({"c4", "c5", "lh"}, {"c4", "c5", "lh", "o"})
    layers = teacher.network(
        torch.nn.functional.interpolate(
            torch.tensor(image[..., ::-1].copy()).permute(2, 0, 1)[None] / 255,
            (64, 96),
            mode="bilinear",
            antialias=True,
        )
    )
    bank = scorer.tensors(image)["bank_lh"].astype(np.float64)
    for y, x in ((3, 5), (12, 8)):
        f = layers["lh"][0, :, y, x].double().numpy()
        cosines = [p @ f / np.linalg.norm(p) / np.linalg.norm(f) for p in bank]
        assert gamma["lh"][0, 0, y, x].item() == pytest.approx(1 - max(cosines), abs=1e-5)
        assert psi["lh"][0, 0, y, x].item() == pytest.approx(
            np.mean((0.2 * f) ** 2), rel=1e-4, abs=1e-7
        )


def test_a_student_of_another_run_is_refused(scorer, dataset, teacher):
    other = Faded(teacher.network)
    other.forward = lambda x: {"c5": 3 * teacher.network(x)["c5"]}
    with pytest.raises(UsageError, match="they are of different runs"):
        LayerScores(scorer, other, PLAIN)(dataset.source[0][0])


def test_pooled_banks_are_compared_with_pooled_layers(scorer, dataset):
    image = dataset.source[0][0]
    plain = LayerScores(scorer, None, PLAIN)(image).gamma
    pooled = LayerScores(scorer, None, POOLED)(image).gamma
    # c5 is the coarsest there is and stays as it is; lh loses what is small.
    assert torch.equal(plain["c5"], pooled["c5"])
    assert not torch.allclose(plain["lh"], pooled["lh"])


def test_sets_labelled_with_classes_are_refused(scorer):
    with pytest.raises(UsageError, match="labelled with classes"):
        ablate(open_dataset("synthetic:0:1"), LayerScores(scorer, None, PLAIN))


def test_table_has_both_halves_and_quotes_where_the_set_is_the_papers(scorer, dataset, tmp_path):
    ablation = ablate(dataset, LayerScores(scorer, None, PLAIN))
    write_ablation(tmp_path / "out", dataset, ablation, {"seed": "0"})
    text = (tmp_path / "out/ablation.md").read_text()
    row = ablation.memory["c4", "c5"]
    shares = (row.average_precision, row.auroc, row.fpr95)
    line = " | ".join(f"{100 * share:.2f}" for share in shares)
    assert f"| {{C4, C5}} | {line} |  |" in text
    assert "| {O} | - | - | - | missing: the student never learned o |" in text
    assert "quoted" not in text
    content = json.loads((tmp_path / "out/ablation.json").read_text())
    assert content["memory_layers"][3]["average_precision"] == row.average_precision
    assert content["evaluation_layers"][3] == {
        "layers": ["o"],
        "missing": "the student never learned o",
    }
    same = open_dataset(dataset.spelling.replace("streets=", "fishyscapes_lost_and_found=", 1))
    lines = ablation_tables(same, ablation)
    cells = " | ".join(
        f"{100 * s:.2f} (*{q}*)" for s, q in zip(shares, ("27.38", "95.34", "23.94"), strict=True)
    )
    assert f"| {{C4, C5}} | {cells} |  |" in lines


@pytest.fixture
def kept(tmp_path):
    """What fit keeps of a finished student, and the student itself."""
    torch.manual_seed(0)
    teacher = build_teacher(ARCHITECTURE, 3, width=WIDTH)
    channels, strides = teacher.channels, teacher.strides
    student = Student(ARCHITECTURE, channels, strides, width=WIDTH, layers=("c4", "o"))
    folder = state.state_folder(tmp_path / "bundle")
    save_checkpoint(folder / "student.pt", {"student": student.state_dict(), "step": 5})
    settings = {"architecture": ARCHITECTURE, "width": WIDTH, "layers": ["c4", "o"], "steps": 5}
    record = {"settings": {"student": settings}}
    (folder / "settings.json").write_text(json.dumps(record))
    return folder, teacher, student.eval()


def test_kept_student_answers_as_the_one_that_was_trained(kept):
    folder, teacher, student = kept
    image = torch.randn(1, 3, 64, 64)
    read = state.read_student(folder, teacher)
    assert read.layers == ("c4", "o")
    for layer, view in read(image).items():
        assert torch.equal(view, student(image)[layer])


def test_unfinished_student_is_refused(kept):
    folder, teacher, student = kept
    save_checkpoint(folder / "student.pt", {"student": student.state_dict(), "step": 4})
    with pytest.raises(UsageError, match="at step 4 of 5: repeat the `fit` command"):
        state.read_student(folder, teacher)


def test_student_of_another_teacher_is_refused(kept):
    folder, _, _ = kept
    with pytest.raises(UsageError, match="not of this teacher's student"):
        state.read_student(folder, build_teacher(ARCHITECTURE, 4, width=WIDTH))


def test_no_trained_student_is_none(kept, tmp_path):
    folder, teacher, _ = kept
    assert state.read_student(tmp_path / "nowhere", teacher) is None
    (folder / "settings.json").write_text('{"settings": {"student": {"backbone": "x"}}}')
    assert state.read_student(folder, teacher) is None
