# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Any `torch.nn.Module` as a teacher: its layers are read by hooks on modules named by path."""

import difflib
from collections import Counter
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from training.errors import UsageError
from training.layers import LAST_HIDDEN, LAYERS, OUTPUT
from training.teachers.interface import Teacher

Normalization = tuple[tuple[float, float, float], tuple[float, float, float]]
"""Mean and standard deviation per channel, RGB, of pixels in 0..1."""

IMAGENET: Normalization = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


_MOST_EXTRA_TOKENS = 16
"""Class and register tokens in front of those of the patches."""


class FeatureModule(nn.Module):
    """Reads named layers of a network that knows nothing of them.

    The network takes one float32 tensor [N, 3, H, W], normalised RGB, and may return anything;
    other inputs (BGR, several tensors, half precision) take a wrapper module of yours. What lies
    behind the last layer that is named runs in PyTorch, but is not exported.

    A layer gives maps [N, C, h, w], or the tokens of a vision transformer [N, T, C]: those of the
    patches, row by row, behind the class and register tokens.

    Args:
        module: the network; put into evaluation mode and frozen.
        layers: layer to the path of the module whose output it is, as in
            `module.named_modules()`.
        normalization: of the network's input.
        sizes: (height, width) in pixels of every input that it will be given; it is tried on
            each, and its channels and strides are taken from the first.

    Raises:
        UsageError: a layer or path that does not exist, or outputs that are no feature maps.
    """

    mean: tuple[float, float, float]
    standard_deviation: tuple[float, float, float]
    channels: dict[str, int]
    strides: dict[str, int]

    def __init__(
        self,
        module: nn.Module,
        layers: Mapping[str, str],
        *,
        normalization: Normalization,
        sizes: tuple[tuple[int, int], ...],
    ) -> None:
        super().__init__()
        self.module = module.cpu().requires_grad_(False)
        self.eval()
        self.mean, self.standard_deviation = normalization
        self._seen: dict[str, Any] = {}
        self._runs: Counter[str] = Counter()
        for layer, path in layers.items():
            _find(module, path).register_forward_hook(self._keep_as(layer))
        features = [self._try(layers, size) for size in sizes]
        self.channels = {layer: maps.shape[1] for layer, maps in features[0].items()}
        self.strides = {
            layer: max(1, round(sizes[0][0] / maps.shape[2])) for layer, maps in features[0].items()
        }

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the features of the named layers, float32 [N, C, h, w] each."""
        self._seen.clear()
        self.module(x)
        features = {
            layer: _as_maps(self._seen[layer], (x.shape[2], x.shape[3]))
            for layer in LAYERS
            if layer in self._seen
        }
        self._seen.clear()
        return features

    def _keep_as(self, layer: str) -> Any:
        def keep(module: nn.Module, inputs: Any, output: Any) -> None:
            # A copy: a ReLU in place behind the layer would otherwise change what was read.
            self._seen[layer] = output.clone() if torch.is_tensor(output) else output
            self._runs[layer] += 1

        return keep

    def _try(self, layers: Mapping[str, str], size: tuple[int, int]) -> dict[str, torch.Tensor]:
        """Run one blank image, and return every layer's features, checked."""
        height, width = size
        self._runs.clear()
        try:
            with torch.no_grad():
                features: dict[str, Any] = self(torch.zeros(1, 3, height, width))
        # The network is somebody else's: what it raises is not ours to foresee.
        except Exception as error:
            raise UsageError(
                f"the network cannot take a float32 tensor of 1x3x{height}x{width}, as it must "
                f"(--size and --crop): {type(error).__name__}: {error}"
            ) from error
        for layer, path in layers.items():
            if self._runs[layer] != 1:
                raise UsageError(
                    f"{layer}={path} ran {self._runs[layer]} times in one pass; name a module "
                    "that runs once"
                )
            maps = features[layer]
            if not torch.is_tensor(maps):
                raise UsageError(
                    f"{layer}={path} gives a {type(maps).__name__}; a tensor [N, C, h, w] is "
                    "needed: name a module inside it, or wrap the network"
                )
            if maps.dim() != 4 or maps.shape[0] != 1 or maps.dtype != torch.float32:
                raise UsageError(
                    f"{layer}={path} gives {str(maps.dtype).removeprefix('torch.')} "
                    f"{list(maps.shape)} for one image; float32 [1, C, h, w] is needed, or the "
                    "tokens [1, T, C] of patches that divide the input"
                )
        return features


class AnyModule(FeatureModule, Teacher):
    """Any network as a teacher; see `FeatureModule`.

    Args:
        module: the network.
        layers: layer (c2..c5, lh, o) to the path of its module; `lh` and `o` have to be there,
            `o` gives logits.
        classes: number of classes, which is the number of channels of `o`.
        normalization: of the network's input.
        sizes: (height, width) in pixels of every input that it will be given.

    Raises:
        UsageError: as `FeatureModule`, or logits of another number of classes.
    """

    def __init__(
        self,
        module: nn.Module,
        layers: Mapping[str, str],
        *,
        classes: int,
        normalization: Normalization,
        sizes: tuple[tuple[int, int], ...],
    ) -> None:
        _check_names(layers)
        super().__init__(module, layers, normalization=normalization, sizes=sizes)
        self.settings = {
            "layers": dict(layers),
            "mean": list(self.mean),
            "standard_deviation": list(self.standard_deviation),
        }
        if self.channels[OUTPUT] != classes:
            raise UsageError(
                f"{OUTPUT}={layers[OUTPUT]} gives {self.channels[OUTPUT]} channels and there are "
                f"{classes} classes; {OUTPUT} is the layer whose channels are the classes' logits"
            )


def _as_maps(output: Any, size: tuple[int, int]) -> Any:
    """Lay the tokens of a transformer out as the patches lie; leave anything else as it is."""
    if not torch.is_tensor(output) or output.dim() != 3:
        return output
    grid = _patch_grid(output.shape[1], size)
    if grid is None:
        return output
    height, width = grid
    patches = output[:, output.shape[1] - height * width :]
    return patches.transpose(1, 2).reshape(output.shape[0], output.shape[2], height, width)


def _patch_grid(tokens: int, size: tuple[int, int]) -> tuple[int, int] | None:
    """Return rows and columns of square patches that divide the input and leave few tokens over."""
    height, width = size
    best = None
    for patch in range(1, min(height, width) + 1):
        if height % patch or width % patch:
            continue
        rows, columns = height // patch, width // patch
        extra = tokens - rows * columns
        if 0 <= extra <= _MOST_EXTRA_TOKENS and (best is None or extra < best[0]):
            best = extra, rows, columns
    return None if best is None else best[1:]


def parse_layers(text: str, option: str = "--layers") -> dict[str, str]:
    """Read `c4=backbone.layer3,c5=backbone.layer4,lh=head.3,o=head.4`.

    Args:
        text: what was given.
        option: what it was given as, for the message.

    Raises:
        UsageError: not of that form, or a layer given twice.
    """
    layers: dict[str, str] = {}
    for part in text.split(","):
        layer, equals, path = (piece.strip() for piece in part.partition("="))
        if not (layer and equals and path):
            raise UsageError(f"{option} {text!r}: {part!r} is not LAYER=path.to.module")
        if layer.lower() in layers:
            raise UsageError(f"{option} {text!r} gives {layer.lower()} twice")
        layers[layer.lower()] = path
    return layers


def parse_normalization(text: str) -> Normalization:
    """Read `imagenet`, or `R,G,B/R,G,B`: mean / standard deviation of pixels in 0..1.

    Raises:
        UsageError: not of that form, or a deviation that is not above 0.
    """
    if text == "imagenet":
        return IMAGENET
    try:
        mean, deviation = ([float(value) for value in half.split(",")] for half in text.split("/"))
        (r, g, b), (dr, dg, db) = mean, deviation
    except ValueError:
        raise UsageError(
            f"--normalization {text!r} is neither imagenet nor MEAN/DEVIATION, for example "
            "0.5,0.5,0.5/0.25,0.25,0.25: R,G,B of pixels in 0..1"
        ) from None
    if min(dr, dg, db) <= 0:
        raise UsageError(f"--normalization {text!r}: a standard deviation must be above 0")
    return (r, g, b), (dr, dg, db)


def _check_names(layers: Mapping[str, str]) -> None:
    unknown = [layer for layer in layers if layer not in LAYERS]
    if unknown:
        raise UsageError(
            f"--layers names {', '.join(unknown)}; there are {', '.join(LAYERS)}: features of "
            f"a backbone's stages, what the last 1x1 convolution reads ({LAST_HIDDEN}), and the "
            f"logits ({OUTPUT})"
        )
    missing = [layer for layer in (LAST_HIDDEN, OUTPUT) if layer not in layers]
    if missing:
        raise UsageError(
            f"--layers lacks {' and '.join(missing)}: {LAST_HIDDEN} is what the last 1x1 "
            f"convolution reads, whose grid scores come on; {OUTPUT} is what it gives, the logits"
        )


def _find(module: nn.Module, path: str) -> nn.Module:
    try:
        return module.get_submodule(path)
    except AttributeError:
        known = [name for name, _ in module.named_modules() if name]
        near = difflib.get_close_matches(path, known, n=5, cutoff=0.3) or known[:5]
        raise UsageError(
            f"the network has no module {path!r}; near to it are {', '.join(near)}"
        ) from None
