"""The few numbers by which one machine, or one version, is compared with another."""

from collections.abc import Mapping
from typing import Any

Tree = Mapping[str, Any]
MATRIX_PRODUCT = "matrix product"
"""Name of the product among the times of a network."""
EAGER = "PyTorch eager"
"""Name of all of CosMe in PyTorch as it comes, in float32."""


def ratios(tree: Tree) -> tuple[dict[str, float], dict[str, str]]:
    """What can be made of the measurements in `tree`, the content of bench.json.

    The numbers by name, and what each was taken from. One that was not measured is missing.

    - speedup_over_torch_eager: time of PyTorch eager over the time of `Detector`
    - detector_over_bare_sessions: time of `Detector` over the sum of teacher, student and memory
      sessions, one after the other
    - share_of_matrix_rate: 2 x multiply-adds over the time of `Detector`, over the matrix rate that
      the same rounds measured
    - node_over_detector: camera message to published score and mask, over `Detector`
    - p99_over_p50: of the node's latency at 80 % of its highest rate
    - memory_growth_over_teacher: time that the memory graph takes longer with K 4096 than with 512,
      over the teacher's time
    """
    found = {
        **_from_networks(tree.get("networks", {})),
        **_from_node(tree.get("node", {})),
        **_from_prototypes(tree.get("growth", {}).get("prototypes", {})),
    }
    values = {name: round(value, 4) for name, (value, _) in found.items()}
    return values, {name: of for name, (_, of) in found.items()}


def largest_paper_network(networks: Tree) -> str | None:
    """The paper's network at the size that ratios are stated for, 512x1024, or the next below."""
    sized = {}
    for name in networks:
        if name.startswith("paper "):
            height, width = map(int, name.removeprefix("paper ").split("x"))
            if height * width <= 512 * 1024:
                sized[height * width] = name
    return sized[max(sized)] if sized else None


def _from_networks(networks: Tree) -> dict[str, tuple[float, str]]:
    name = largest_paper_network(networks)
    if name is None:
        return {}
    network = networks[name]
    times = {
        key: entry["median"]
        for key, entry in network.get("milliseconds", {}).items()
        if "median" in entry
    }
    detector = times.get(network["detector"])
    if detector is None:
        return {}
    found = {}
    eager = times.get(EAGER)
    if eager is not None:
        found["speedup_over_torch_eager"] = (eager / detector, name)
    bare = [times.get(key) for key in network["bare_sessions"]]
    if bare and None not in bare:
        found["detector_over_bare_sessions"] = (detector / sum(bare), name)
    product = times.get(MATRIX_PRODUCT)
    if product is not None:
        rate = network["matrix_product"]["multiply_adds"] / product
        floor = network["multiply_adds"]["all"] / rate
        of = f"{name}, {network['matrix_product']['dtype']}"
        found["share_of_matrix_rate"] = (floor / detector, of)
    return found


def _from_node(node: Tree) -> dict[str, tuple[float, str]]:
    found = {}
    overhead = node.get("overhead", {})
    times = overhead.get("milliseconds", {})
    if "node" in times and "detector" in times:
        value = times["node"]["median"] / times["detector"]["median"]
        found["node_over_detector"] = (value, overhead["of"])
    for run in node.get("rates", {}).values():
        if run.get("share_of_highest") == 0.8 and "latency_ms" in run:
            latency = run["latency_ms"]
            found["p99_over_p50"] = (latency["p99"] / latency["p50"], node["of"])
    return found


def _from_prototypes(growth: Tree) -> dict[str, tuple[float, str]]:
    times = growth.get("milliseconds", {})
    if not {"teacher", "K 512", "K 4096"} <= times.keys():
        return {}
    more = times["K 4096"]["median"] - times["K 512"]["median"]
    return {"memory_growth_over_teacher": (more / times["teacher"]["median"], growth["of"])}
