# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Monte-Carlo dropout: how much the teacher's answers differ when parts of it are left out."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from training.baselines.interface import NETWORK_INPUT, Features
from training.layers import OUTPUT

SAMPLES = 8
"""Forward passes; each costs as much as the teacher."""

_DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)


class MonteCarloDropout:
    """H[mean_s p_s] - mean_s H[p_s], of each pixel: the mutual information of answer and weights.

    p_s is the softmax of pass s, in which the teacher's dropout layers are active and everything
    else is as in evaluation; H is the entropy in nats.

    Source: Gal and Ghahramani, Dropout as a Bayesian Approximation, ICML 2016; for segmentation
    Kendall and Gal, What Uncertainties Do We Need in Bayesian Deep Learning for Computer Vision?,
    NeurIPS 2017, and Mukhoti and Gal, Evaluating Bayesian Deep Learning Methods for Semantic
    Segmentation, 2018. Of the two measures they compare, mutual information is the one that is
    not the softmax entropy over again where dropout is weak.

    Our DeepLabV3+ has one dropout layer (rate 0.1), behind the pyramid of dilated convolutions,
    where its authors have it; the encoder knows none. A teacher of your own brings its own.

    Args:
        network: the teacher, in evaluation mode; it is back in it after every score.
        samples: number of passes, at least 2.
        seed: of what is left out, the same for every frame.
    """

    def __init__(self, network: nn.Module, *, samples: int = SAMPLES, seed: int = 0) -> None:
        self._network = network
        self._samples = samples
        self._seed = seed

    @torch.inference_mode()
    def score(self, features: Features) -> torch.Tensor:
        """Return scores float32 [N, 1, h, w] at the stride of the logits, >= 0."""
        network_input = features[NETWORK_INPUT]
        mean = torch.zeros_like(features[OUTPUT])
        mean_entropy = mean.new_zeros(mean[:, :1].shape)
        device = network_input.device
        with (
            _active_dropout(self._network),
            torch.random.fork_rng([device] if device.type == "cuda" else []),
        ):
            torch.manual_seed(self._seed)
            for _ in range(self._samples):
                logarithms = self._network(network_input)[OUTPUT].log_softmax(dim=1)
                probabilities = logarithms.exp()
                mean += probabilities / self._samples
                entropy = -(probabilities * logarithms).sum(dim=1, keepdim=True)
                mean_entropy += entropy / self._samples
        entropy_of_mean: torch.Tensor = torch.special.entr(mean).sum(dim=1, keepdim=True)
        # Never negative but for rounding (Jensen's inequality).
        return (entropy_of_mean - mean_entropy).clamp(min=0.0)


def dropout_layers(network: nn.Module) -> list[str]:
    """Return the names of the dropout layers, without those with a rate of 0."""
    return [
        name
        for name, module in network.named_modules()
        if isinstance(module, _DROPOUTS) and module.p > 0
    ]


@contextmanager
def _active_dropout(network: nn.Module) -> Iterator[None]:
    layers = [network.get_submodule(name) for name in dropout_layers(network)]
    modes = [layer.training for layer in layers]
    try:
        for layer in layers:
            layer.train()
        yield
    finally:
        for layer, mode in zip(layers, modes, strict=True):
            layer.train(mode)
