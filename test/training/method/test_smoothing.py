# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Smoothing against SciPy's Gaussian filter."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from scipy.ndimage import gaussian_filter  # noqa: E402

from training.method.tensor_ops import smoothed  # noqa: E402


@pytest.mark.parametrize("deviation", [0.5, 2.0])
def test_agrees_with_scipy(deviation: float) -> None:
    score = np.random.default_rng(0).random((1, 1, 20, 31), np.float32)
    reach = int(np.ceil(3 * deviation))
    wanted = gaussian_filter(
        score[0, 0].astype(np.float64), deviation, mode="nearest", radius=reach
    )
    found = smoothed(torch.from_numpy(score), deviation)
    np.testing.assert_allclose(found[0, 0].numpy(), wanted, rtol=1e-5)
