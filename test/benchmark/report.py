# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""bench.json as a page of tables, in Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

from ratios import MATRIX_PRODUCT

Tree = Mapping[str, Any]


def report(tree: Tree) -> str:
    """The page for `tree`, the content of bench.json; parts that were not measured are left out."""
    parts = [
        _head(tree),
        _ratios(tree.get("ratio_rounds", {})),
        _limits(tree.get("limits", {})),
        *(_network(name, network) for name, network in tree.get("networks", {}).items()),
        _price(tree.get("price", {})),
        *(_stages(name, stages) for name, stages in tree.get("stages", {}).items()),
        _node(tree.get("node", {})),
        _growth(tree.get("growth", {})),
        _missing(tree.get("networks", {})),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(tree: Tree) -> str:
    machine = tree.get("machine", {})
    device = machine.get("gpu") or machine.get("processor", "unknown")
    instructions = " ".join(machine.get("instructions", ()))
    libraries = ", ".join(f"{name} {v}" for name, v in machine.get("libraries", {}).items())
    lines = [
        "# Benchmark",
        "",
        f"{device}; {machine.get('cores', '?')} cores of {machine.get('processor', '?')}, "
        f"{machine.get('memory_gib', '?')} GiB; {instructions}; Python "
        f"{machine.get('python', '?')}, {libraries}.",
        "Times are medians; in brackets the quartiles, between which half of the runs lie.",
    ]
    if not tree.get("complete"):
        lines.append("**Not complete**: the run was stopped, or is still going on.")
    for part, why in tree.get("left_out", {}).items():
        lines.append(f"Left out: {part}: {why}.")
    return "\n".join(lines)


def _ratios(rounds: Tree) -> str:
    rows = [[name, _number(entry), entry["of"]] for name, entry in rounds.items()]
    return _section("Ratios, round by round", _table(["", "", "of"], rows))


def _limits(limits: Tree) -> str:
    rates = [
        [
            entry["by"],
            entry["dtype"],
            " x ".join(map(str, entry["shape"])),
            _number(entry["gmacs"]),
        ]
        for entry in limits.get("matrix_rates", ())
    ]
    copies = [[name, _number(rate)] for name, rate in limits.get("copy_gb_per_s", {}).items()]
    floors = [
        [network, f"{entry['gmacs']:.1f}", entry["dtype"], f"{entry['floor_ms']:.4g}"]
        for network, entries in limits.get("floors", {}).items()
        for entry in entries
    ]
    return _section(
        "What this device can do at best",
        _table(["by", "number", "rows x columns x depth", "10^9 multiply-adds/s"], rates),
        _table(["copy", "10^9 bytes/s, read and written"], copies),
        _table(["network", "10^9 multiply-adds", "number", "floor, ms"], floors),
    )


def _network(name: str, network: Tree) -> str:
    errors = network.get("score_error", {})
    total = network["multiply_adds"]["all"]
    rows = []
    for key, entry in network.get("milliseconds", {}).items():
        error = errors.get(key)
        product = network.get("matrix_product", {})
        rows.append(
            [
                f"{key}: {product['multiply_adds'] / 1e9:.1f} x 10^9, {product['dtype']}"
                if key == MATRIX_PRODUCT
                else key,
                _number(entry),
                f"{error['mean']:.1e} / {error['largest']:.1e}" if error else "",
            ]
        )
    return _section(
        f"CosMe, {name}: {total / 1e9:.1f} x 10^9 multiply-adds",
        _table(["", "ms a frame", "score error, mean / largest"], _fastest_first(rows)),
    )


def _price(price: Tree) -> str:
    rows = [
        [
            name,
            _number(method["milliseconds"]["detector"]),
            _number(method["milliseconds"]["teacher"]),
        ]
        for name, method in price.items()
        if "milliseconds" in method
    ]
    header = ["method", "Detector, ms a frame", "teacher alone, ms a frame"]
    return _section("The price of anomaly detection", _table(header, rows))


def _missing(networks: Tree) -> str:
    """What could not be run, once for all networks."""
    reasons = {
        f"- {key}: {why}"
        for network in networks.values()
        for key, why in network.get("missing", {}).items()
    }
    return _section("What was not run", "\n".join(sorted(reasons)))


def _stages(name: str, stages: Tree) -> str:
    rows = [[key, _number(entry)] for key, entry in stages.get("milliseconds", {}).items()]
    return _section(f"Stages of a frame, {name}", _table(["stage", "ms"], rows))


def _node(node: Tree) -> str:
    rates = [
        [
            name,
            f"{run['rate_hz']:.2f}",
            f"{run['answered']}/{run['sent']}",
            _percentiles(run["latency_ms"]),
            _plain(run["jitter_ms"]),
            _percentiles(run["age_at_start_ms"]),
            "yes" if run["starts_within_a_period"] else "no",
            f"{run['processor_cores']:.2f}",
            f"{run['memory_mb']:.0f}",
        ]
        for name, run in node.get("rates", {}).items()
    ]
    overhead = [
        [key, _number(entry)]
        for key, entry in node.get("overhead", {}).get("milliseconds", {}).items()
    ]
    outputs = [[key, _number(entry)] for key, entry in node.get("outputs_ms", {}).items()]
    lines = []
    if node.get("highest_rate_hz"):
        lines.append(
            f"Highest rate with at most {node['most_loss']:.0%} of the frames lost: "
            f"**{node['highest_rate_hz']:.2f} Hz**."
        )
    if "seconds_to_first_answer" in node:
        lines.append(
            f"First result {node['seconds_to_first_answer']:.1f} s after the start of its process."
        )
    if "detector_ms" in node:
        lines.append(
            "Detector without the node, one frame after the other: p50 / p95 / p99 "
            f"{_percentiles(node['detector_ms'])} ms."
        )
    header = [
        "rate",
        "Hz",
        "answered",
        "latency p50 / p95 / p99, ms",
        "jitter, ms",
        "age at start p50 / p95 / p99, ms",
        "begins within a period",
        "cores",
        "MB",
    ]
    return _section(
        f"The node, {node.get('of', '')}",
        "\n\n".join(lines),
        _table(header, rates),
        _table(["score and mask", "ms"], outputs),
        _table([f"one frame at a time, {node.get('overhead', {}).get('of')}", "ms"], overhead),
    )


def _growth(growth: Tree) -> str:
    prototypes = growth.get("prototypes", {})
    memory = prototypes.get("process_memory", {})
    by_k = [
        [
            key,
            _number(entry),
            _plain(memory.get(key, {}).get("peak_growth_mb")),
            _plain(memory.get(key, {}).get("positions_times_k_mb")),
        ]
        for key, entry in prototypes.get("milliseconds", {}).items()
    ]
    by_size = [
        [key, f"{entry['multiply_adds'] / 1e9:.1f}", _number(entry["milliseconds"])]
        for key, entry in growth.get("resolution", {}).items()
        if "milliseconds" in entry
    ]
    cameras = growth.get("cameras", {})
    by_camera = [[key, _number(entry)] for key, entry in cameras.get("milliseconds", {}).items()]
    header = [
        f"memory graph, {prototypes.get('of', '')}",
        "ms",
        "peak memory, MB",
        "one bank's positions x K, MB",
    ]
    return _section(
        "What more costs",
        _table(header, by_k),
        _table(["Detector", "10^9 multiply-adds", "ms a frame"], by_size),
        _table([f"cameras, {cameras.get('of', '')}", "ms for a frame of each"], by_camera),
    )


def _section(title: str, *bodies: str) -> str:
    """Empty where there is nothing to say under the title."""
    present = [body for body in bodies if body]
    return "\n\n".join([f"## {title}", *present]) if present else ""


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _fastest_first(rows: list[list[str]]) -> list[list[str]]:
    def milliseconds(row: list[str]) -> float:
        try:
            return float(row[1].split()[0])
        except ValueError:
            return float("inf")

    return sorted(rows, key=milliseconds)


def _number(entry: Tree) -> str:
    if "failed" in entry:
        return f"failed: {entry['failed']}"
    if entry["runs"] == 1:
        return f"{entry['median']:.4g} (once)"
    return f"{entry['median']:.4g} ({entry['q25']:.4g} to {entry['q75']:.4g})"


def _percentiles(entry: Tree | None) -> str:
    return "" if entry is None else " / ".join(f"{entry[p]:.1f}" for p in ("p50", "p95", "p99"))


def _plain(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"
