# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The few numbers by which one machine, or one version, is compared with another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spread import spread

Tree = Mapping[str, Any]
MATRIX_PRODUCT = "matrix product"
"""Name of the product among the times of a network."""
BFLOAT16_PRODUCT = "matrix product bfloat16"
"""Name of the product in bfloat16 among them."""
EAGER = "PyTorch eager"
"""Name of all of CosMe in PyTorch as it comes, in float32."""


TEACHER = "teacher alone"
"""Ends the name of the teacher's session among the times of the price."""


@dataclass(frozen=True)
class Ratio:
    """One of them, round by round: what a machine does meanwhile meets both sides of a round."""

    values: list[float]
    of: str
    """The network, number type or provider that it was measured with."""

    def described(self) -> dict[str, Any]:
        """Median, quartiles and values, and `of`."""
        return {**spread(self.values), "of": self.of}


def ratios(tree: Tree) -> dict[str, Ratio]:
    """What can be made of the measurements in `tree`, the content of bench.json, by name.

    One that was not measured is missing.

    - speedup_over_torch_eager: time of PyTorch eager over the time of `Detector`
    - int8_speedup_over_torch_eager, bfloat16_speedup_over_torch_eager: the same for `Detector` in
      lower precision, PyTorch in float32
    - bfloat16_over_floor: time of `Detector` in bfloat16 over that of its multiply-adds at the
      matrix rate in bfloat16 that the same rounds measured
    - detector_over_bare_sessions: time of `Detector` over that of teacher, student and memory
      sessions in a row, timed as one: three short timings miss more of what the machine does
      meanwhile than a long one
    - share_of_matrix_rate: 2 x multiply-adds over the time of `Detector`, over the matrix rate that
      the same rounds measured
    - default_over_teacher, paper_over_teacher: time of `Detector` over that of the teacher's
      session alone, for the default method and the paper's
    - node_over_detector: camera message to published score and mask, over `Detector`
    - p99_over_p50: of the node's latency at 80 % of its highest rate
    - detector_p99_over_p50: of `Detector` without a node, one frame after the other, in between: so
      much of the above is the machine
    - memory_growth_over_teacher: time that the memory graph takes longer with K 4096 than with 512,
      over the teacher's time
    """
    return {
        **_from_networks(tree.get("networks", {})),
        **_from_price(tree.get("price", {})),
        **_from_node(tree.get("node", {})),
        **_from_prototypes(tree.get("growth", {}).get("prototypes", {})),
    }


def largest_paper_network(networks: Tree) -> str | None:
    """The paper's network at the size that ratios are stated for, 512x1024, or the next below."""
    return _largest(networks, "paper")


def _largest(networks: Tree, method: str) -> str | None:
    sized = {}
    for name in networks:
        if name.startswith(f"{method} "):
            height, width = map(int, name.removeprefix(f"{method} ").split("x"))
            if height * width <= 512 * 1024:
                sized[height * width] = name
    return sized[max(sized)] if sized else None


def _from_networks(networks: Tree) -> dict[str, Ratio]:
    name = largest_paper_network(networks)
    if name is None:
        return {}
    network = networks[name]
    times = _Times(network.get("milliseconds", {}))
    ours = network["detector"]
    found = {}
    if times.have(ours, EAGER):
        values = [eager / own for eager, own in times.rounds(EAGER, ours)]
        found["speedup_over_torch_eager"] = Ratio(values, name)
    for precision, lower in network.get("lower", {}).items():
        if times.have(lower, EAGER):
            values = [eager / own for eager, own in times.rounds(EAGER, lower)]
            found[f"{precision}_speedup_over_torch_eager"] = Ratio(values, f"{name}, {lower}")
    bfloat16 = network.get("lower", {}).get("bfloat16", "")
    if times.have(bfloat16, BFLOAT16_PRODUCT):
        counted = network["bfloat16_product"]["multiply_adds"] / network["multiply_adds"]["all"]
        pairs = times.rounds(bfloat16, BFLOAT16_PRODUCT)
        values = [counted * own / product for own, product in pairs]
        found["bfloat16_over_floor"] = Ratio(values, f"{name}, {bfloat16}")
    in_a_row = network["sessions_in_a_row"]
    if times.have(ours, in_a_row):
        values = [own / bare for own, bare in times.rounds(ours, in_a_row)]
        found["detector_over_bare_sessions"] = Ratio(values, name)
    if times.have(ours, MATRIX_PRODUCT):
        counted = network["multiply_adds"]["all"] / network["matrix_product"]["multiply_adds"]
        values = [counted * product / own for product, own in times.rounds(MATRIX_PRODUCT, ours)]
        of = f"{name}, {network['matrix_product']['dtype']}"
        found["share_of_matrix_rate"] = Ratio(values, of)
    return found


def _from_price(price: Tree) -> dict[str, Ratio]:
    found = {}
    for method in ("default", "paper"):
        name = _largest(price, method)
        times = _Times(price[name].get("milliseconds", {})) if name is not None else _Times({})
        if name is not None and times.have("detector", "teacher"):
            values = [own / teacher for own, teacher in times.rounds("detector", "teacher")]
            found[f"{method}_over_teacher"] = Ratio(values, f"{name}, {price[name]['provider']}")
    return found


def _from_node(node: Tree) -> dict[str, Ratio]:
    found = {}
    overhead = node.get("overhead", {})
    times = _Times(overhead.get("milliseconds", {}))
    if times.have("node", "detector"):
        values = [node_ms / own for node_ms, own in times.rounds("node", "detector")]
        found["node_over_detector"] = Ratio(values, overhead["of"])
    for rate in node.get("rates", {}).values():
        latencies = [run["latency_ms"] for run in rate["runs"] if run["latency_ms"]]
        if rate["share_of_highest"] == 0.8 and latencies:
            found["p99_over_p50"] = Ratio(_tails(latencies), node["of"])
    if "detector_ms" in node:
        found["detector_p99_over_p50"] = Ratio(_tails(node["detector_ms"]["runs"]), node["of"])
    return found


def _tails(runs: Sequence[Mapping[str, float]]) -> list[float]:
    return [run["p99"] / run["p50"] for run in runs]


def _from_prototypes(growth: Tree) -> dict[str, Ratio]:
    times = _Times(growth.get("milliseconds", {}))
    if not times.have("teacher", "K 512", "K 4096"):
        return {}
    rounds = times.rounds("teacher", "K 512", "K 4096")
    values = [(many - few) / teacher for teacher, few, many in rounds]
    return {"memory_growth_over_teacher": Ratio(values, growth["of"])}


class _Times:
    """Milliseconds that took turns with one another, by name."""

    def __init__(self, milliseconds: Tree) -> None:
        self._values: dict[str, Sequence[float]] = {
            name: entry["values"] for name, entry in milliseconds.items() if "values" in entry
        }

    def have(self, *names: str) -> bool:
        return all(self._values.get(name) for name in names)

    def rounds(self, *names: str) -> list[tuple[float, ...]]:
        """One row a round in which all of them ran: what takes too long runs in the first only."""
        return list(zip(*(self._values[name] for name in names), strict=False))
