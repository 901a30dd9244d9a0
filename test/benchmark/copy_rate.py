# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""How fast this device moves memory: the other limit."""

from typing import Any

import torch
from device import seconds_a_call
from spread import spread

_BYTES = {"cpu": 1 << 28, "cuda": 1 << 30}
_REPEATS = 9


def copy_rates(device: str, *, quick: bool) -> dict[str, Any]:
    """10^9 bytes a second, read and written counted both, as median and quartiles.

    `within` is a copy inside the device's own memory, `to` and `from` go over the bus from and to
    pinned memory of the host, and are missing where the device is the host.
    """
    size = _BYTES[device] // (16 if quick else 1)
    source = torch.ones(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    copies = {"within": (target, source, 2)}
    if device == "cuda":
        host = torch.ones(size // 4, dtype=torch.uint8).pin_memory()
        part = target[: size // 4]
        copies |= {"to": (part, host, 1), "from": (host, part, 1)}
    rates = {}
    for name, (into, out_of, touched) in copies.items():
        bytes_moved = touched * into.numel()

        def copy(into: torch.Tensor = into, out_of: torch.Tensor = out_of) -> object:
            return into.copy_(out_of, non_blocking=True)

        seconds_a_call(copy, device, 1)
        seconds = [seconds_a_call(copy, device, 1) for _ in range(_REPEATS)]
        rates[name] = spread([bytes_moved / second / 1e9 for second in seconds])
    return rates
