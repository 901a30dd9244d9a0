# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Which product is timed again beside the networks."""

import pytest
from matrix_rate import SECONDS, best_product

SHAPE = [32, 48, 64]


def rate(by, gmacs, dtype="float32"):
    value = {"median": gmacs, "q25": gmacs, "q75": gmacs, "runs": 7}
    return {"by": by, "dtype": dtype, "shape": SHAPE, "gmacs": value}


@pytest.mark.parametrize("fastest", ["PyTorch", "ONNX Runtime cpu"])
def test_it_is_the_fastest_whoever_does_it(fastest):
    others = {"PyTorch", "ONNX Runtime cpu"} - {fastest}
    rates = [rate(fastest, 2e-3), *(rate(by, 1e-3) for by in others)]
    product = best_product(rates, "float32", "cpu")
    assert product.by == fastest
    # As many as take SECONDS at 2 million multiply-adds a second; one is 32 x 48 x 64.
    assert product.multiply_adds == round(SECONDS * 2e6 / (32 * 48 * 64)) * 32 * 48 * 64
    product.call()


def test_a_number_type_that_was_not_measured_is_refused():
    with pytest.raises(ValueError, match="float16"):
        best_product([rate("PyTorch", 1.0)], "float16", "cpu")
