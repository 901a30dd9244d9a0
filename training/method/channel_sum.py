# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Sums over channels, as the exported graphs compute them."""

import torch


def channel_sum(values: torch.Tensor) -> torch.Tensor:
    """The sum over the last dimension but one.

    A product with a row of ones: ONNX Runtime's CPU provider sums over an outer dimension on one
    core and with long strides, which takes four times as long as reading the values does.

    Args:
        values: float [..., C, n].

    Returns:
        float [..., n].
    """
    ones = torch.ones(1, values.shape[-2], dtype=values.dtype, device=values.device)
    return (ones @ values).squeeze(-2)
