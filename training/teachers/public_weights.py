# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Weights out of files that others wrote: read without running what is in them, loaded whole."""

import pickle
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from training.checkpoint_file import check_archive
from training.errors import UsageError, first_line

Shapes = dict[str, tuple[int, ...]]

CONTAINERS = ("model_state", "state_dict", "model_state_dict", "model", "state")
"""Keys under which public checkpoints keep the weights, beside optimisers and the like."""

DATA_PARALLEL = "module."
"""Prefix of every name where a network was saved out of torch's DataParallel."""

MOST_NAMES = 10

_COUNTER = ".num_batches_tracked"

_scalar = getattr(np, "_core", None) or np.core
# A figure such as the best mIoU often lies beside the weights as a NumPy scalar, under the name
# that its NumPy had. These make numbers out of bytes and can run nothing.
_NUMBERS: list[Any] = [
    (_scalar.multiarray.scalar, "numpy.core.multiarray.scalar"),
    (_scalar.multiarray.scalar, "numpy._core.multiarray.scalar"),
    np.dtype,
    *(type(np.dtype(kind)) for kind in "?bBhHiIlLfd"),
]


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Read a state dictionary, alone in its file or under one of CONTAINERS.

    Raises:
        UsageError: no such file, no weights in it, or it holds objects that only unpickling,
            which can run anything, would read.
    """
    if not path.is_file():
        raise UsageError(f"weights {path} do not exist")
    return _find_weights(read_plain_weights(path), path)


def read_plain_weights(path: Path) -> Any:
    """Read what `torch.save` wrote, as long as that is weights and numbers in plain containers.

    Raises:
        UsageError: the file is damaged, or it holds other objects.
    """
    if zipfile.is_zipfile(path):  # what older versions of torch wrote has no checksums
        check_archive(path, what="file of weights", remedy="fetch it again")
    try:
        with torch.serialization.safe_globals(_NUMBERS):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UsageError(
            f"{path} is damaged or holds more than weights and numbers, and reading that could run "
            "any program in it; have whoever made it save the weights alone, with "
            f"torch.save(network.state_dict(), 'weights.pt'). Found: {_foreign(error)}"
        ) from error
    except (RuntimeError, EOFError, ValueError, KeyError, OSError) as error:
        raise UsageError(f"{path} cannot be read as weights: {first_line(error)}") from error


def load_whole(network: nn.Module, weights: Mapping[str, torch.Tensor], path: Path) -> None:
    """Load weights into a network, every one of them.

    Raises:
        UsageError: names or shapes differ; the message lists them.
    """
    own = network.state_dict()
    check_match(shapes_of(own), shapes_of(weights), path)
    # The counters matter to training alone; files older than them have none.
    counters = {name: value for name, value in own.items() if name.endswith(_COUNTER)}
    network.load_state_dict({**counters, **weights})


def shapes_of(state: Mapping[str, Any]) -> Shapes:
    """Return the shapes by name, without batch norm's counters."""
    return {
        name: tuple(value.shape) for name, value in state.items() if not name.endswith(_COUNTER)
    }


def check_match(wanted: Shapes, found: Shapes, path: Path) -> None:
    """Compare what a network takes with what a file holds.

    Raises:
        UsageError: they differ; counts, and the first MOST_NAMES of each kind.
    """
    parts = []
    for kind, names in (
        ("missing", [name for name in wanted if name not in found]),
        ("unexpected", [name for name in found if name not in wanted]),
        (
            "of another shape",
            [
                f"{name} {list(found[name])}, wanted {list(wanted[name])}"
                for name in wanted
                if name in found and found[name] != wanted[name]
            ],
        ),
    ):
        if names:
            more = f", and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
            parts.append(f"{len(names)} {kind}: {', '.join(names[:MOST_NAMES])}{more}")
    if parts:
        raise UsageError(f"{path} does not fit the network. " + ". ".join(parts))


def _find_weights(content: Any, path: Path) -> dict[str, torch.Tensor]:
    if isinstance(content, Mapping):
        for key in CONTAINERS:
            if isinstance(content.get(key), Mapping):
                content = content[key]
                break
    if not isinstance(content, Mapping) or not content:
        raise UsageError(f"{path} holds no weights by name")
    others = [str(name) for name, value in content.items() if not torch.is_tensor(value)]
    if others:
        raise UsageError(
            f"{path} holds no weights by name: {', '.join(others[:MOST_NAMES])} are no tensors; "
            f"weights are looked for there and under {', '.join(CONTAINERS)}"
        )
    if all(name.startswith(DATA_PARALLEL) for name in content):
        return {name.removeprefix(DATA_PARALLEL): value for name, value in content.items()}
    return dict(content)


def _foreign(error: Exception) -> str:
    """Return what a file of no weights holds; torch's own sentence advises to run it."""
    found = re.search(r"GLOBAL ([\w.]{1,200})", str(error))
    return f"an object of {found[1]}" if found else "bytes that are no weights"
