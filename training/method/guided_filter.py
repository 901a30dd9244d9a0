# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""A score map that follows the edges of the picture: the colour guided filter.

He, Sun and Tang, *Guided Image Filtering*, TPAMI 2013, equations 14, 15 and 16. Features of
stride 16 give an obstacle a halo of a place or two all around. In every window the filter says the
score by the picture's colours, so that the score ends where the thing does.
"""

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own customary name)

_MIDDLE_GREY = 0.5
"""Taken off the guide: the result is the same, and a variance keeps more digits in float32."""


def guided(score: torch.Tensor, guide: torch.Tensor, radius: int, epsilon: float) -> torch.Tensor:
    """Filter the root of a score by a picture, and square what comes out.

    In each window w of (2 radius + 1)² places, cut at the map's edge, the root p of the score is
    fitted by the colours I, a_w = (cov(I) + epsilon)⁻¹ cov(I, p), b_w = mean(p) - a_w · mean(I);
    a place gets the mean of a_w, times its own colour, plus the mean of b_w, over the windows that
    it lies in. The root is a distance, where a score is a product of squares: one great value then
    does not rule the fit of its window.

    Args:
        score: float32 [1, 1, h, w], >= 0.
        guide: float32 [1, 3, h, w], in 0..1.
        radius: of the window in places, >= 1.
        epsilon: variance of a colour, in 0..1 squared, that counts as flat, > 0.

    Returns:
        float32 [1, 1, h, w], not below the map's least score; NaN where a window's score is not
        finite.
    """
    colours = guide - _MIDDLE_GREY
    root = score.sqrt()
    r, g, b = colours.split(1, dim=1)
    mean = _window_mean(
        torch.cat([colours, root, r * r, r * g, r * b, g * g, g * b, b * b, colours * root], 1),
        radius,
    )
    mean_r, mean_g, mean_b, mean_root, rr, rg, rb, gg, gb, bb, pr, pg, pb = mean.split(1, dim=1)
    covariance = (
        rr - mean_r * mean_r + epsilon,
        rg - mean_r * mean_g,
        rb - mean_r * mean_b,
        gg - mean_g * mean_g + epsilon,
        gb - mean_g * mean_b,
        bb - mean_b * mean_b + epsilon,
    )
    with_root = (pr - mean_r * mean_root, pg - mean_g * mean_root, pb - mean_b * mean_root)
    slope = torch.cat(_solve(covariance, with_root, epsilon), dim=1)
    offset = mean_root - (slope * mean[:, :3]).sum(dim=1, keepdim=True)
    line = _window_mean(torch.cat([slope, offset], dim=1), radius)
    fitted = (line[:, :3] * colours).sum(dim=1, keepdim=True) + line[:, 3:]
    least = root.amin(dim=(2, 3), keepdim=True)
    # Not clamp: runtimes differ in what the larger of NaN and a number is.
    return torch.where(fitted < least, least, fitted).square()


def _window_mean(x: torch.Tensor, radius: int) -> torch.Tensor:
    """Average over the window around each place, of what lies within the map."""
    size = 2 * radius + 1
    rows = F.avg_pool2d(x, (size, 1), 1, (radius, 0), count_include_pad=False)
    return F.avg_pool2d(rows, (1, size), 1, (0, radius), count_include_pad=False)


def _solve(
    covariance: tuple[torch.Tensor, ...], right: tuple[torch.Tensor, ...], least_pivot: float
) -> list[torch.Tensor]:
    """Solve a symmetric positive definite system of three unknowns at every place.

    By elimination: colours of a street are nearly grey, and the determinant by which Cramer's
    rule divides is then a difference of almost equal numbers.

    Args:
        covariance: rr, rg, rb, gg, gb, bb.
        right: of the three equations.
        least_pivot: what no pivot can be below but for rounding.
    """
    rr, rg, rb, gg, gb, bb = covariance
    x, y, z = right
    rr = rr.clamp(min=least_pivot)
    to_g, to_b = rg / rr, rb / rr
    gg, gb, bb = gg - to_g * rg, gb - to_g * rb, bb - to_b * rb
    y, z = y - to_g * x, z - to_b * x
    gg = gg.clamp(min=least_pivot)
    to_b = gb / gg
    bb = (bb - to_b * gb).clamp(min=least_pivot)
    z = (z - to_b * y) / bb
    y = (y - gb * z) / gg
    return [(x - rg * y - rb * z) / rr, y, z]
