# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Decides when a node that gives no results any more has to end, so that it is started again."""

from collections.abc import Iterable

from cosme_ros.streaming.frame_statistics import Progress


class StallWatch:
    """Asked now and then, from one thread.

    A node ends only if it has given a result since it was activated. One that never did would do no
    better when started again, and a first frame may take long: TensorRT may build an engine for
    its size.
    """

    def __init__(self) -> None:
        self._suspected = False

    def reason_to_end(self, cameras: Iterable[Progress], limit: float) -> str | None:
        """Return why the process is to end; None where it works, or is not yet known not to.

        The limit has to be passed twice in a row: a process that was stopped and goes on, by a
        debugger for example, has an old frame under way that is about to end.

        Args:
            cameras: of every camera, now.
            limit: seconds; 0.0 for never.
        """
        reason = _reason(list(cameras), limit) if limit else None
        before, self._suspected = self._suspected, reason is not None
        return reason if before else None


def _reason(cameras: list[Progress], limit: float) -> str | None:
    if not any(camera.processed for camera in cameras):
        return None
    pending = [camera.pending_age for camera in cameras if camera.pending_age]
    if pending and min(pending) > limit:
        return f"frames have been pending for {min(pending):.1f} s without a result"
    failing = [camera.failing_age for camera in cameras if camera.failing_age]
    if failing and min(failing) > limit:
        return f"every frame has failed for {min(failing):.1f} s by an unexpected error"
    return None
