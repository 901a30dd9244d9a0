# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""From camera pixels to network input: one definition for training, export and parity checks."""

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own customary name)
from torch import nn


class Preprocessing(nn.Module):
    """Resizes and normalises, as the first nodes of the exported graphs.

    Args:
        mean: per channel, RGB, of pixels in 0..1.
        standard_deviation: per channel, RGB, of pixels in 0..1.
        size: (height, width) in pixels to resize to; None keeps the image's own.
    """

    def __init__(
        self,
        mean: tuple[float, float, float],
        standard_deviation: tuple[float, float, float],
        size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        self.size = size
        self.scale: torch.Tensor
        self.shift: torch.Tensor
        deviation = torch.tensor(standard_deviation)
        scale, shift = 1.0 / (255.0 * deviation), -torch.tensor(mean) / deviation
        self.register_buffer("scale", scale.reshape(3, 1, 1), persistent=False)
        self.register_buffer("shift", shift.reshape(3, 1, 1), persistent=False)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Turn images into network input.

        Args:
            image: uint8 [N, h, w, 3], BGR, 0..255.

        Returns:
            float32 [N, 3, H, W], RGB, normalised.
        """
        return self.normalised(self.resized(image))

    def resized(self, image: torch.Tensor) -> torch.Tensor:
        """Return images uint8 [N, h, w, 3] BGR as float32 [N, 3, H, W] RGB, 0..255."""
        # BGR to RGB while a pixel is three bytes. One convolution that swaps, scales and shifts
        # takes longer: ONNX Runtime's CPU provider gives it blocks of eight channels, and takes
        # them apart again for the network's first convolution.
        pixels = image.permute(0, 3, 1, 2).flip(1).to(torch.float32)
        if self.size is not None:
            # Antialiased, where it makes smaller: plain bilinear would skip pixels of a large
            # picture, and with them what is small and far away. ONNX Resize of opset 18 has it.
            pixels = F.interpolate(
                pixels, size=self.size, mode="bilinear", align_corners=False, antialias=True
            )
        return pixels

    def normalised(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return network input of what `resized` gives."""
        return pixels * self.scale + self.shift
