# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Checks whether the node runs, and alarms are counted, as a bundle's guarantee requires."""

from collections.abc import Mapping
from typing import Any

from cosme_ros import topics
from cosme_ros.parameters import Settings

# The key of the guarantee in a manifest's calibration. It stays, because older bundles have it.
GUARANTEE_KEY = "promise"


def guarantee_status(
    calibration: Mapping[str, Any], settings: Settings, *, static_mask_sha256: str = ""
) -> tuple[str, bool] | None:
    """Return a sentence on the guarantee in a bundle's calibration, and whether it holds.

    Args:
        calibration: of the bundle's manifest.
        settings: of the node.
        static_mask_sha256: of the static mask's file; '' for none.

    Returns:
        None where there is no guarantee, or it is of another rate than the node's.
    """
    guarantee = calibration.get(GUARANTEE_KEY)
    if guarantee is None or guarantee["false_positive_rate"] != settings.false_positive_rate:
        return None
    sentence = (
        f"no more than {guarantee['false_alarms_per_hour']:g} false alarm(s) an hour guaranteed at "
        f"{100 * guarantee['confidence']:g} % confidence"
    )
    # With fewer alarming frames, alarms that a gap joined can count as several.
    measured = {"temporal": _measured_temporal(calibration), "alarm_min_seen": 1, **guarantee}
    differing = [
        f"{name} {measured[name]} (it is {getattr(settings, name)})"
        for name in ("region", "minimum_area", "temporal", "alarm_min_seen")
        if measured[name] != getattr(settings, name)
    ]
    mask_sha256 = guarantee.get("static_mask", "")
    if mask_sha256 != static_mask_sha256:
        differing.append(f"{_mask_name(mask_sha256)} (it is {_mask_name(static_mask_sha256)})")
    cameras = len(topics.cameras(settings.cameras))
    if cameras > 1:  # each of them may raise as many
        differing.append(f"one camera (there are {cameras})")
    if differing:
        return f"{sentence}, but for {' and '.join(differing)}: the guarantee does not hold", False
    return f"{sentence}, on drives like those of the calibration", True


def _mask_name(sha256: str) -> str:
    return f"the static mask with SHA-256 {sha256}" if sha256 else "no static mask"


def static_mask_sentence(fitted_on: Mapping[str, Any], *, static_mask_sha256: str) -> str | None:
    """Return a warning if a bundle was fitted with another static mask than is used now.

    Args:
        fitted_on: of the bundle's manifest.
        static_mask_sha256: of the file that is used; '' for none.

    Returns:
        None where it is the same, or the bundle was fitted to whole images.
    """
    fitted = fitted_on.get("static_mask")
    if not isinstance(fitted, Mapping) or fitted.get("sha256") == static_mask_sha256:
        return None
    return (
        f"the bundle was fitted with {_mask_name(str(fitted.get('sha256')))}, and it is "
        f"{_mask_name(static_mask_sha256)}: what was hidden then is unknown to the bundle, and "
        "may raise alarms; set the parameter static_mask to the same file"
    )


def temporal_sentence(
    calibration: Mapping[str, Any], *, temporal: str, false_positive_rate: float
) -> str | None:
    """Return a warning if the alarm line was measured on scores of another kind than these.

    Args:
        calibration: of the bundle's manifest.
        temporal: the parameter, as scores are made now.
        false_positive_rate: the parameter.

    Returns:
        None where the line was measured on scores of this kind.
    """
    measured = _measured_temporal(calibration)
    if measured == temporal:
        return None
    return (
        f"temporal is '{temporal}', and the bundle's calibration was measured with '{measured}': "
        f"false_positive_rate {false_positive_rate:g} is not the share of normal pixels that "
        "alarm, and no number of false alarms is guaranteed; calibrate the bundle with --temporal "
        f"{temporal}"
    )


def _measured_temporal(calibration: Mapping[str, Any]) -> str:
    """Return the `temporal` of the calibration's scores; `fit` measures on single frames."""
    return str(calibration.get(GUARANTEE_KEY, {}).get("temporal", "none"))


def counting_sentence(calibration: Mapping[str, Any], alarm_gap: float) -> str | None:
    """Return a warning if alarms are counted by another gap than the guarantee's.

    Args:
        calibration: of the bundle's manifest.
        alarm_gap: seconds.

    Returns:
        None where the gap is the same, or there is no guarantee.
    """
    guarantee = calibration.get(GUARANTEE_KEY)
    if guarantee is None or guarantee["alarm_gap"] == alarm_gap:
        return None
    return (
        f"the bundle's guarantee of {guarantee['false_alarms_per_hour']:g} false alarm(s) an hour "
        f"counts alarms by a gap of {guarantee['alarm_gap']:g} s, and here it is {alarm_gap:g} s; "
        f"--alarm-gap {guarantee['alarm_gap']:g} counts as it does"
    )
