"""Only what is wanted is made; an unknown road gives no mask."""

import numpy as np
import pytest
from tiny_bundle import street_frame, write_tiny_bundle

from cosme_ros.bundle import load_bundle
from cosme_ros.detector import Detector
from cosme_ros.frame_outputs import Wanted, make_outputs

STREET = street_frame(90, 160, box=(70, 60, 20, 15))
SKY = np.full_like(STREET, (230, 100, 20))
EVERYTHING = Wanted(score=True, mask=True, overlay=True)


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    bundle = load_bundle(write_tiny_bundle(tmp_path_factory.mktemp("bundle")))
    return Detector(bundle, provider="cpu")


def outputs(detector, image, wanted, *, drivable=False, minimum_area=16, drift_threshold=1.0):
    return make_outputs(
        detector,
        image,
        wanted,
        drivable_class_ids=detector.bundle.drivable_class_ids if drivable else None,
        minimum_area=minimum_area,
        drift_threshold=drift_threshold,
    )


@pytest.mark.parametrize("score", [True, False])
@pytest.mark.parametrize("mask", [True, False])
@pytest.mark.parametrize("overlay", [True, False])
def test_each_output_is_made_only_when_wanted(detector, score, mask, overlay):
    made = outputs(detector, STREET, Wanted(score=score, mask=mask, overlay=overlay))
    assert (made.score is not None) == score
    assert (made.mask is not None) == mask
    assert (made.overlay is not None) == overlay


def test_without_a_listener_no_map_of_camera_size_is_made(detector):
    detections = []

    class Watched(Detector):
        def __init__(self):
            pass

        def detect(self, image):
            detections.append(detector.detect(image))
            return detections[-1]

    outputs(Watched(), STREET, Wanted(score=False, mask=False, overlay=False))
    assert not {"score", "class_id", "mulmem", "auxcon"} & set(vars(detections[0]))


def test_minimum_area_leaves_small_obstacles_out_of_the_mask(detector):
    assert outputs(detector, STREET, EVERYTHING).mask.any()
    assert not outputs(detector, STREET, EVERYTHING, minimum_area=STREET.size).mask.any()


def test_a_road_that_is_not_there_withholds_the_mask_but_not_the_score(detector):
    made = outputs(detector, SKY, EVERYTHING, drivable=True)
    assert made.mask_withheld
    assert made.mask is None
    assert made.score is not None
    assert made.overlay is not None
    assert not outputs(detector, STREET, EVERYTHING, drivable=True).mask_withheld
    assert outputs(detector, SKY, EVERYTHING, drivable=False).mask is not None


def test_drift_share_counts_the_scores_own_pixels(detector):
    grid = detector.detect(STREET).raw_score_grid
    nothing = Wanted(score=False, mask=False, overlay=False)
    for threshold in (float(np.median(grid)), float(grid.max()), float(grid.max()) * 2):
        made = outputs(detector, STREET, nothing, drift_threshold=threshold)
        assert made.drift_share == pytest.approx(float((grid >= threshold).mean()))
