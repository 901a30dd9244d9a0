# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The magenta box of the tiny street is explained by what makes it odd."""

import json

import cv2
import numpy as np
import pytest
from helpers.tiny_bundle import street_frame, write_tiny_bundle

from cosme_ros.bundle.loading import PROTOTYPE_PICTURES, BundleError, load_bundle
from cosme_ros.calibration.references import ReferenceSurvey
from cosme_ros.explanation.explanation import explain, explain_briefly
from cosme_ros.explanation.nearest import nearest_prototypes
from cosme_ros.explanation.part_reference import part_reference
from cosme_ros.explanation.places import places_of
from cosme_ros.explanation.prototype_pictures import SIDE, read_prototype_pictures
from cosme_ros.explanation.score_parts import FORWARD, MEMORY
from cosme_ros.explanation.wording import as_content, few_words, sentences
from cosme_ros.inference.detector import Detector
from cosme_ros.postprocessing.obstacle_decision import ObstacleRule, decide_obstacles
from cosme_ros.postprocessing.obstacles import Obstacle, outlines
from cosme_ros.visualization.explanation_picture import explanation_picture

BOX = (70, 50, 24, 20)
STREET = street_frame(90, 160, box=BOX)
NORMAL = [street_frame(90, 160, seed=100 + seed) for seed in range(25)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = write_tiny_bundle(tmp_path_factory.mktemp("bundle"))
    survey = ReferenceSurvey(Detector(load_bundle(folder), provider="cpu"), pictures=True)
    for image in NORMAL:
        survey.add(image)
    survey.write()
    return folder


@pytest.fixture(scope="module")
def detector(folder):
    return Detector(load_bundle(folder), provider="cpu", false_positive_rate=0.01)


@pytest.fixture(scope="module")
def explained(detector):
    detection = detector.detect(STREET)
    decision = decide_obstacles(detection, STREET, ObstacleRule(None, 16))
    assert len(decision.obstacles) == 1
    reference = part_reference(detector.bundle.manifest["calibration"])
    (full,) = explain(detector, reference, detection, STREET, decision.obstacles, decision.mask)
    (brief,) = explain_briefly(
        detector.bundle, reference, detection, decision.obstacles, decision.mask
    )
    return full, brief, decision


def test_references_change_no_score(folder, tmp_path):
    plain = Detector(load_bundle(write_tiny_bundle(tmp_path)), provider="cpu")
    measured = Detector(load_bundle(folder), provider="cpu")
    np.testing.assert_array_equal(plain.detect(STREET).score, measured.detect(STREET).score)


def test_both_parts_are_rare_on_the_box_and_share_what_makes_it_high(explained):
    full, _, _ = explained
    assert [c.part for c in full.contributions] == [MEMORY, FORWARD]
    assert all(c.rarity < 0.01 for c in full.contributions)
    assert sum(c.share for c in full.contributions) == pytest.approx(1.0)
    assert all(c.share > 0.05 for c in full.contributions)


def test_the_brief_explanation_is_the_same_without_networks(explained):
    full, brief, _ = explained
    assert brief.nearest == ()
    assert (brief.taken_for, brief.taken_share) == (full.taken_for, full.taken_share)
    for ours, theirs in zip(brief.contributions, full.contributions, strict=True):
        assert ours.part == theirs.part
        assert ours.value == pytest.approx(theirs.value, rel=1e-3)


def test_the_class_is_the_one_that_the_teacher_sees_there(explained, detector):
    full, _, decision = explained
    classes = detector.detect(STREET).class_id[decision.mask > 0]
    names = [c.name for c in detector.bundle.classes]
    assert full.taken_for == names[np.bincount(classes).argmax()]
    assert 0.5 < full.taken_share <= 1


def test_the_nearest_prototypes_are_those_of_a_slow_search(explained, detector):
    full, _, _ = explained
    features = detector.features(STREET)
    assert [near.layer for near in full.nearest] == list(features)
    for near in full.nearest:
        bank = detector.banks[f"bank_{near.layer}"].astype(np.float64)
        feature = features[near.layer].astype(np.float64)
        cosines = np.einsum("kc,chw->khw", bank, feature / np.linalg.norm(feature, axis=0))
        row, column = np.argwhere(np.isclose(cosines[near.prototype], near.similarity))[0]
        assert cosines[:, row, column].argmax() == near.prototype


def test_a_feature_that_is_a_prototype_is_found():
    bank = np.eye(4, dtype=np.float32)
    feature = np.zeros((4, 2, 2), np.float32)
    feature[2, 1, 0] = 7.0
    (near,) = nearest_prototypes({"c4": feature}, {"bank_c4": bank}, (0.99, 0.0))
    assert (near.layer, near.prototype, near.similarity) == ("c4", 2, 1.0)


def test_every_prototype_that_was_used_has_a_picture_of_a_normal_frame(detector):
    pictures = read_prototype_pictures(detector.bundle)
    assert pictures is not None
    for name, bank in detector.bundle.banks.items():
        layer = name.removeprefix("bank_")
        for number in range(len(bank)):
            jpeg = pictures.jpeg(layer, number)
            picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
            assert picture.shape == (SIDE, SIDE, 3)
        assert pictures.jpeg(layer, len(bank)) is None, "learned later"
    assert pictures.jpeg("nothing", 0) is None


def test_damaged_pictures_are_refused_and_none_are_no_fault(tmp_path, folder):
    plain = load_bundle(write_tiny_bundle(tmp_path / "plain"))
    assert read_prototype_pictures(plain) is None
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    for file in folder.iterdir():
        (damaged / file.name).write_bytes(file.read_bytes())
    with (damaged / PROTOTYPE_PICTURES).open("ab") as file:
        file.write(b"x")
    with pytest.raises(BundleError, match="is damaged or was changed"):
        load_bundle(damaged)


def test_too_few_frames_leave_the_bundle_as_it_is(tmp_path):
    folder = write_tiny_bundle(tmp_path)
    before = (folder / "manifest.json").read_bytes()
    survey = ReferenceSurvey(Detector(load_bundle(folder), provider="cpu"), pictures=True)
    survey.add(STREET)
    with pytest.raises(ValueError, match="1 normal frames are too few"):
        survey.write()
    assert (folder / "manifest.json").read_bytes() == before
    assert not (folder / PROTOTYPE_PICTURES).exists()


def test_words_and_json(explained, detector):
    full, brief, _ = explained
    assert few_words(full).startswith("memory ") and few_words(full).endswith(
        f"% , as {full.taken_for}".replace("% ,", "%,")
    )
    assert few_words(brief) == few_words(full)
    text = "\n".join(sentences(full))
    assert "of normal places reach" in text and f"for {full.taken_for}" in text
    assert text.count("Nearest in") == len(full.nearest)
    (content,) = json.loads(
        json.dumps(as_content([full], read_prototype_pictures(detector.bundle)))
    )
    assert content["obstacle"]["x"] == full.obstacle.x
    assert all(near["picture"] for near in content["nearest"])
    assert content["in_words"] == sentences(full)


def test_without_reference_values_and_class_are_left(explained, detector):
    _, _, decision = explained
    (bare,) = explain_briefly(
        detector.bundle, None, detector.detect(STREET), decision.obstacles, decision.mask
    )
    assert all(c.rarity is None and c.share is None and c.value > 0 for c in bare.contributions)
    assert few_words(bare) == f"as {bare.taken_for}"


def test_the_picture_shows_frame_and_parts(explained, detector):
    full, _, decision = explained
    (line,) = outlines(decision.mask, decision.obstacles)
    pictures = read_prototype_pictures(detector.bundle)
    with_pictures, without = (
        explanation_picture(STREET, full, line, given, caption="why") for given in (pictures, None)
    )
    assert with_pictures.shape == without.shape and with_pictures.shape[1] == 960
    assert (with_pictures != without).any()


@pytest.mark.parametrize(
    ("box", "rows", "columns"),
    [
        ((0, 0, 40, 20), {0, 1}, {0, 1, 2, 3}),  # exactly two by four places of ten pixels
        ((12, 13, 2, 2), {1}, {1}),  # between all centres
        ((99, 49, 1, 1), {4}, {9}),  # the last corner
    ],
)
def test_places_of_an_obstacle(box, rows, columns):
    mask = np.zeros((50, 100), np.uint8)
    x, y, width, height = box
    mask[y : y + height, x : x + width] = 255
    found = places_of(Obstacle(*box, area=1, peak_score=1.0), mask, (5, 10))
    assert (set(found[0].tolist()), set(found[1].tolist())) == (rows, columns)
