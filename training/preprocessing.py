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
        # A 1x1 convolution swaps BGR to RGB, scales and shifts in one pass, which every
        # execution provider has a fast kernel for; a channel gather is not so lucky.
        self.weight: torch.Tensor
        self.bias: torch.Tensor
        weight = torch.zeros(3, 3, 1, 1)
        for rgb in range(3):
            weight[rgb, 2 - rgb] = 1.0 / (255.0 * standard_deviation[rgb])
        bias = -torch.tensor(mean) / torch.tensor(standard_deviation)
        self.register_buffer("weight", weight, persistent=False)
        self.register_buffer("bias", bias, persistent=False)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Turn images into network input.

        Args:
            image: uint8 [N, h, w, 3], BGR, 0..255.

        Returns:
            float32 [N, 3, H, W], RGB, normalised.
        """
        pixels = image.permute(0, 3, 1, 2).to(torch.float32)
        if self.size is not None:
            # Without antialiasing: the same arithmetic as ONNX Resize (linear, half_pixel).
            pixels = F.interpolate(pixels, size=self.size, mode="bilinear", align_corners=False)
        return F.conv2d(pixels, self.weight, self.bias)
