# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Strides of a backbone's four stages."""

from collections.abc import Mapping

from training.layers import BACKBONE_LAYERS, LAST_HIDDEN

STEM_STRIDE = 4
"""Of what comes before the first stage."""

CLASSIFIER_STRIDES = (4, 8, 16, 32)
"""Of the stages of a classification network, which these backbones began as."""

OUTPUT_STRIDES = (8, 16)
"""What `--output-stride` offers."""

StageStrides = tuple[int, int, int, int]


def stage_strides(output_stride: int) -> StageStrides:
    """Return the strides of c2..c5 for an output stride: later stages dilate instead.

    Source: Chen et al., Rethinking Atrous Convolution for Semantic Image Segmentation, 2017,
    section 3.1.
    """
    c2, c3, c4, c5 = (min(stride, output_stride) for stride in CLASSIFIER_STRIDES)
    return c2, c3, c4, c5


def matching_stage_strides(strides: Mapping[str, int]) -> StageStrides:
    """Return the strides of a student's stages that are nearest to those of a teacher.

    A stage keeps its stride or doubles it, so some teachers cannot be matched; the student's
    view is then interpolated where it is compared.

    Args:
        strides: of the teacher's layers, of which c2..c5 count; any of these may be missing.
    """
    previous = STEM_STRIDE
    result = []
    for stage, layer in enumerate(BACKBONE_LAYERS):
        wanted = strides.get(layer, CLASSIFIER_STRIDES[stage])
        later = [strides[name] for name in BACKBONE_LAYERS[stage + 1 :] if name in strides]
        # What a later layer needs fine cannot be coarse before it.
        wanted = min([wanted, *later])
        previous = 2 * previous if wanted >= 2 * previous else previous
        result.append(previous)
    c2, c3, c4, c5 = result
    return c2, c3, c4, c5


def decoder_layer(stages: Mapping[str, int], strides: Mapping[str, int]) -> str:
    """Return the stage of a student whose grid its decoder brings its features to.

    Args:
        stages: strides of the student's c2..c5.
        strides: of the teacher's layers.

    Returns:
        The first stage that is at least as coarse as the teacher's `lh`, else the last one.
    """
    fits = [layer for layer in BACKBONE_LAYERS if stages[layer] >= strides[LAST_HIDDEN]]
    return fits[0] if fits else BACKBONE_LAYERS[-1]
