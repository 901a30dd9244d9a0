# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Sums over channels, against the sum itself in double precision."""

import torch

from training.method.tensor_ops import channel_sum


def test_it_is_the_sum_over_the_last_dimension_but_one():
    values = torch.randn(2, 3, 700, 50, generator=torch.Generator().manual_seed(0))
    wanted = values.double().sum(dim=2)
    found = channel_sum(values)
    assert found.shape == (2, 3, 50) and found.dtype == torch.float32
    # 700 terms of about 1, each rounded to 2^-24 of the partial sums, which stay below 100.
    torch.testing.assert_close(found.double(), wanted, rtol=0, atol=700 * 100 * 2.0**-24)


def test_one_column_stays_one():
    assert channel_sum(torch.tensor([[1.0], [2.0], [4.0]])).tolist() == [7.0]
