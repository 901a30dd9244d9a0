# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Whether the node runs, and alarms are counted, as a bundle's promise of false alarms supposes."""

from collections.abc import Mapping
from typing import Any

from cosme_ros import topics
from cosme_ros.parameters import Settings


def guarantee_status(
    calibration: Mapping[str, Any], settings: Settings, *, static_mask_sha256: str = ""
) -> tuple[str, bool] | None:
    """What to say of the promise in a bundle's `calibration`, and whether it holds.

    `static_mask_sha256` is of the static mask's file, '' where there is none. None where there is
    no promise, or the node was given another rate than the promised one.
    """
    promise = calibration.get("promise")
    if promise is None or promise["false_positive_rate"] != settings.false_positive_rate:
        return None
    said = (
        f"no more than {promise['false_alarms_per_hour']:g} false alarm(s) an hour promised at "
        f"{100 * promise['confidence']:g} % confidence"
    )
    # With fewer alarming frames, alarms that a gap joined can count as several.
    measured = {"temporal": _measured_temporal(calibration), "alarm_min_seen": 1, **promise}
    differing = [
        f"{name} {measured[name]} (it is {getattr(settings, name)})"
        for name in ("region", "minimum_area", "temporal", "alarm_min_seen")
        if measured[name] != getattr(settings, name)
    ]
    if promise.get("static_mask", "") != static_mask_sha256:
        differing.append(
            f"{_mask_name(promise.get('static_mask', ''))} (it is {_mask_name(static_mask_sha256)})"
        )
    cameras = len(topics.cameras(settings.cameras))
    if cameras > 1:  # each of them may raise as many
        differing.append(f"one camera (there are {cameras})")
    if differing:
        return f"{said}, but for {' and '.join(differing)}: the promise does not hold", False
    return f"{said}, on drives like those of the calibration", True


def _mask_name(sha256: str) -> str:
    return f"the static mask with SHA-256 {sha256}" if sha256 else "no static mask"


def static_mask_sentence(fitted_on: Mapping[str, Any], *, static_mask_sha256: str) -> str | None:
    """Return what to say where a bundle was fitted with another static mask than is used now.

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
    """Return what to say where the alarm line was measured on scores of another kind than these.

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
    """What the calibration's scores were; `fit` measures on single frames."""
    return str(calibration.get("promise", {}).get("temporal", "none"))


def counting_sentence(calibration: Mapping[str, Any], alarm_gap: float) -> str | None:
    """What to say where alarms are told apart by another gap (seconds) than the promise's."""
    promise = calibration.get("promise")
    if promise is None or promise["alarm_gap"] == alarm_gap:
        return None
    return (
        f"the bundle's promise of {promise['false_alarms_per_hour']:g} false alarm(s) an hour "
        f"counts alarms by a gap of {promise['alarm_gap']:g} s, and here it is {alarm_gap:g} s; "
        f"--alarm-gap {promise['alarm_gap']:g} counts as it does"
    )
