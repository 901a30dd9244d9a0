# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest
import torch

from training.baselines.logit_scores import maximum_logit_score
from training.datasets.readers.class_list import SegmentationClass
from training.errors import UsageError
from training.evaluation.frame_scores import BUNDLE_MAPS, TITLES, FrameScorer
from training.export.graph_runner import GraphRunner
from training.teachers.checkpoint import TeacherCheckpoint

# PyTorch and ONNX Runtime add in other orders; 1 - cosine loses digits near 0.
PARITY = {"rtol": 1e-3, "atol": 1e-6}


def test_bundle_scores_are_the_bundles_with_and_without_the_teacher(bundle, teacher, dataset):
    image, _ = dataset.source[1]
    wanted = GraphRunner(bundle).run(image)
    for known in (teacher, None):
        maps = FrameScorer(bundle, known, tuple(BUNDLE_MAPS)).maps(image)
        assert list(maps) == list(BUNDLE_MAPS)
        for method, score in maps.items():
            np.testing.assert_allclose(score, wanted[method][0, 0], **PARITY)


def test_every_method_scores_higher_where_it_looks(bundle, teacher, dataset, normal):
    scorer = FrameScorer(bundle, teacher, tuple(TITLES), normal=normal)
    scorer.learn()
    assert (scorer.normal_frames, scorer.skipped) == (6, {})
    maps = scorer.maps(dataset.source[1][0])
    assert tuple(maps) == scorer.methods == tuple(TITLES)
    for score in maps.values():
        assert (score.dtype, score.ndim) == (np.float32, 2)
        assert np.isfinite(score).all()
    # The magenta box: no colour of the streets, and blind to it is the student.
    for method in ("knn", "gaussian", "mindensity", "mulmem", "auxcon", "score"):
        height, width = maps[method].shape
        box = maps[method][height * 63 // 96 : height * 73 // 96, width * 44 // 144 :][:, :3]
        assert box.min() > np.median(maps[method]), method


def test_baselines_see_the_bundles_network_input(bundle, teacher, dataset):
    image, _ = dataset.source[1]
    maps = FrameScorer(bundle, teacher, ("maxlogit",)).maps(image)
    pixels = torch.tensor(image[..., ::-1].copy()).permute(2, 0, 1)[None].float()
    resized = torch.nn.functional.interpolate(pixels, (64, 96), mode="bilinear", antialias=True)
    logits = teacher.network(resized / 255)["o"]
    np.testing.assert_allclose(maps["maxlogit"], maximum_logit_score(logits)[0, 0], atol=1e-5)


def test_only_some_normal_frames_are_looked_at(bundle, teacher, normal, monkeypatch):
    scorer = FrameScorer(bundle, teacher, ("sml",), normal=normal, most_normal_frames=2)
    features = scorer._features
    read = []
    monkeypatch.setattr(scorer, "_features", lambda image: read.append(1) or features(image))
    scorer.learn()
    assert (len(read), scorer.normal_frames) == (2, 2)


def test_methods_that_cannot_be_had_are_left_out_with_a_reason(bundle, teacher, normal):
    scorer = FrameScorer(bundle, None, tuple(TITLES))
    assert scorer.methods == tuple(BUNDLE_MAPS)
    assert all("--teacher" in why for why in scorer.skipped.values())
    scorer = FrameScorer(bundle, teacher, tuple(TITLES))
    assert {m: "--normal" in why for m, why in scorer.skipped.items()} == {
        "sml": True,
        "knn": True,
        "gaussian": True,
        "mindensity": True,
    }
    teacher.network.dropout.p = 0.0
    scorer = FrameScorer(bundle, teacher, ("dropout", "msp"), normal=normal)
    assert (scorer.methods, scorer.normal_frames) == (("msp",), 0)
    assert scorer.skipped == {"dropout": "the teacher has no dropout layer"}


def test_unknown_method_is_refused(bundle, teacher):
    with pytest.raises(UsageError, match="no method 'magic'; there are msp, entropy"):
        FrameScorer(bundle, teacher, ("msp", "magic"))


def test_other_weights_are_refused(bundle, teacher, dataset):
    teacher.network.c5.weight.data *= 1.5
    with pytest.raises(UsageError, match=r"layer c5 .* give the teacher"):
        FrameScorer(bundle, teacher, ("score",)).maps(dataset.source[0][0])


def test_a_layer_of_another_shape_is_refused(bundle, teacher, dataset):
    teacher.network.c4 = torch.nn.Conv2d(3, 5, 1)
    with pytest.raises(UsageError, match=r"layer c4 of the teacher is \[1, 5, 8, 12\]"):
        FrameScorer(bundle, teacher, ("score",)).maps(dataset.source[0][0])


def test_other_classes_are_refused(bundle, teacher):
    other = TeacherCheckpoint(
        teacher.network, "x", 1.0, (SegmentationClass("sea", (0, 0, 0), False),), "nothing"
    )
    with pytest.raises(UsageError, match="the teacher sea: give the teacher"):
        FrameScorer(bundle, other, ("msp",))


def test_no_bundle_is_named(tmp_path):
    with pytest.raises(UsageError, match="is no bundle"):
        FrameScorer(tmp_path, None, ("score",))
