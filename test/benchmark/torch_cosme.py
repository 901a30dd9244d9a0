# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""All of CosMe as one PyTorch module: what somebody without ONNX would run."""

import copy
from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (torch's own customary name)
from torch import nn

from training.export.bundle_writer import FittedMethod
from training.layers import BACKBONE_LAYERS, bank_of
from training.method.preprocessing import Preprocessing
from training.method.student import Student


class TorchCosme(nn.Module):
    """From a camera picture to its score; see `training.method.graphs` for the parts.

    Args:
        method: the networks and banks; they are copied.
        dtype: that the networks compute in; the memory stays in float32, since the square of a
            half-precision feature's norm can leave its range.
    """

    def __init__(self, method: FittedMethod, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.teacher, self.student, self.memory = (
            copy.deepcopy(graph) for graph in method.graphs()
        )
        if isinstance(self.student.network, Student):
            self.student.network = _StudentTrunk(self.student.network)
        for layer, bank in method.banks.items():
            self.register_buffer(bank_of(layer), bank)
        if dtype != torch.float32:
            for graph in (self.teacher, self.student):
                graph.preprocessing = _Lower(graph.preprocessing, dtype)
                graph.network.to(dtype)
        self.requires_grad_(False).eval()

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Score of one picture.

        Args:
            image: uint8 [1, H, W, 3] BGR.

        Returns:
            The CosMe score (Eq. 8), float32 [H, W], >= 0, and it on the grid of `lh`, [h, w].
        """
        tensors = dict(self.named_buffers(recurse=False))
        for graph in (self.teacher, self.student):
            tensors.update(zip(graph.output_names, graph(image), strict=True))
        _, _, score = self.memory(*(_float(tensors[name]) for name in self.memory.input_names))
        size = (image.shape[1], image.shape[2])
        large = F.interpolate(score, size=size, mode="bilinear", align_corners=False)
        return large[0, 0], score[0, 0]


class TorchTeacher(nn.Module):
    """Segmentation alone, of the same teacher: class ids uint8 [1, h, w] of [1, H, W, 3]."""

    def __init__(self, cosme: TorchCosme) -> None:
        super().__init__()
        self.teacher = cosme.teacher

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        class_id: torch.Tensor = self.teacher(image)[-1]
        return class_id


class _StudentTrunk(nn.Module):
    """A student without what it learned beside the layers that are compared.

    The exported graph drops its head; PyTorch would compute it, and the comparison be unfair.
    """

    def __init__(self, student: Student) -> None:
        super().__init__()
        self.whole = not set(student.layers) <= set(BACKBONE_LAYERS)
        self.trunk = student.network if self.whole else student.network.encoder
        self.layers = student.layers
        self.adapters = student.adapters

    def forward(self, x: torch.Tensor) -> Mapping[str, torch.Tensor]:
        own = self.trunk(x)
        return {
            layer: self.adapters[layer](own[layer]) if layer in self.adapters else own[layer]
            for layer in self.layers
        }


class _Lower(nn.Module):
    """Preprocessing that gives another dtype; the pixels that guide the score stay float32."""

    def __init__(self, preprocessing: Preprocessing, dtype: torch.dtype) -> None:
        super().__init__()
        self.preprocessing = preprocessing
        self.dtype = dtype
        self.resized = preprocessing.resized

    def normalised(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.preprocessing.normalised(pixels).to(self.dtype)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.normalised(self.resized(image))


def _float(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor


def on_host(
    module: nn.Module, image: np.ndarray, device: str
) -> tuple[np.ndarray, ...] | np.ndarray:
    """Run `module` on a picture uint8 [H, W, 3] that lies on the host, and bring results back."""
    with torch.inference_mode():
        out = module(torch.from_numpy(image)[None].to(device))
    if isinstance(out, tuple):
        return tuple(tensor.cpu().numpy() for tensor in out)
    return np.asarray(out.cpu().numpy())
