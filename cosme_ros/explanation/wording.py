# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Explanations for people: a few words beside an obstacle, a sentence, JSON."""

import base64
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from cosme_ros.explanation.explanation import Explanation
from cosme_ros.explanation.prototype_pictures import PrototypePictures


def few_words(explanation: Explanation) -> str:
    """Return what fits beside an obstacle: "memory 81 %, consensus 19 %, as road".

    The percentages are the parts' shares of what makes the score high. Without a reference there
    are none, and the class alone is left.
    """
    parts = [
        f"{contribution.part.removesuffix(' consensus')} {100 * contribution.share:.0f} %"
        for contribution in explanation.contributions
        if contribution.share is not None
    ]
    return ", ".join([*parts, *([f"as {explanation.taken_for}"] if explanation.taken_for else [])])


def sentences(explanation: Explanation) -> list[str]:
    """Return the explanation of an obstacle, a sentence a line."""
    obstacle = explanation.obstacle
    lines = [
        f"Obstacle of {obstacle.width} x {obstacle.height} pixels at ({obstacle.x}, {obstacle.y}), "
        f"score {obstacle.peak_score:.1f} alarm lines."
    ]
    for contribution in explanation.contributions:
        line = f"{contribution.part}: {contribution.value:.3g}"
        if contribution.rarity is not None:
            line += f", which {share_of_places(contribution.rarity)} of normal places reach"
        if contribution.share is not None:
            line += f"; {100 * contribution.share:.0f} % of what makes the score high"
        lines.append(f"{line}.")
    if explanation.taken_for:
        lines.append(
            f"The teacher takes {100 * explanation.taken_share:.0f} % of it for "
            f"{explanation.taken_for}."
        )
    lines += [
        f"Nearest in {near.layer}: prototype {near.prototype}, similarity {near.similarity:.2f}."
        for near in explanation.nearest
    ]
    return lines


def share_of_places(share: float) -> str:
    """Return a share as people read it, in two digits.

    >>> share_of_places(0.2), share_of_places(0.00048)
    ('20 %', '1 in 2100')
    """
    return f"{100 * share:.0f} %" if share >= 0.01 else f"1 in {float(f'{1 / share:.2g}'):.0f}"


def as_content(
    explanations: Sequence[Explanation], pictures: PrototypePictures | None
) -> list[dict[str, Any]]:
    """Return explanations as JSON has them.

    Args:
        explanations: of a frame.
        pictures: of the prototypes; where there are some, each nearest prototype has its own as a
            JPEG in base64, `picture`.
    """
    content = []
    for explanation in explanations:
        row = asdict(explanation)
        row["in_words"] = sentences(explanation)
        for near in row["nearest"]:
            jpeg = pictures and pictures.jpeg(near["layer"], near["prototype"])
            near["picture"] = base64.b64encode(jpeg).decode("ascii") if jpeg else None
        content.append(row)
    return content
