# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Video files, cameras and network streams, by PyAV (FFmpeg)."""

import threading
import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from cosme_ros.live_address import VIDEO_DEVICE
from cosme_ros.messages.video_frames import image_of_video_frame
from cosme_ros.sources.interface import SourceError, SourceFrame

_STREAM_OPTIONS = {"rtsp_transport": "tcp", "timeout": "5000000"}  # microseconds


class VideoSource(AbstractContextManager["VideoSource"]):
    """A video file, `/dev/videoN`, or the address of a stream such as rtsp://camera/front.

    Images are turned as the file says they are to be shown. Of a live source the newest image is
    given, and what nobody took in time is lost, as in the node.

    Args:
        address: path of the file or device, or URL.
        live: whether images come in real time.
        report: takes a sentence for what cannot be decoded.

    Raises:
        SourceError: it cannot be opened, or holds no video.
    """

    def __init__(self, address: str, *, live: bool, report: Callable[[str], object]) -> None:
        import av  # FFmpeg takes a tenth of a second to load

        self.name = address.rsplit("/", 1)[-1] or address
        self.live = live
        self._report = report
        self._address = address
        try:
            self._container: Any = av.open(
                address,
                format="v4l2" if address.startswith(VIDEO_DEVICE) else None,
                options=_STREAM_OPTIONS if "://" in address else {},
            )
        except (OSError, ValueError) as error:  # FFmpeg's errors are among them
            reason = getattr(error, "strerror", None) or error
            raise SourceError(f"{address} cannot be opened: {reason}{_hint(address)}") from error
        if not self._container.streams.video:
            self._container.close()
            raise SourceError(f"{address} holds no video")
        self._stream = self._container.streams.video[0]
        self._stream.thread_type = "AUTO"
        self.count: int | None = None if live else (self._stream.frames or None)
        self._began: int | None = None

    def __exit__(self, *_: object) -> None:
        self._container.close()

    def read(self) -> Generator[SourceFrame, None, None]:
        """Yield the images; of a live source the newest at each time."""
        return self._newest() if self.live else self._all()

    def _all(self) -> Generator[SourceFrame, None, None]:
        import av

        index = -1
        counted = True  # whether each image before is known to be counted
        frames = self._container.decode(self._stream)
        rate = float(self._stream.average_rate or 25)
        while True:
            try:
                frame = next(frames)
            except StopIteration:
                return
            except av.error.InvalidDataError as error:
                self._report(
                    f"{self._address}: a part after image {index} is damaged: {error}. How many "
                    "images it held is not known: from here on, labels are found by stamp alone"
                )
                counted = False
                frames = self._container.decode(self._stream)
                continue
            except (OSError, ValueError) as error:
                raise SourceError(f"{self._address} broke off: {error}") from error
            index += 1
            if frame.is_corrupt:
                self._report(f"{self._address}: image {index} is damaged and left out")
                continue
            image = image_of_video_frame(frame)
            if self.live:
                stamp = time.time_ns()
            else:
                seconds = frame.time if frame.time is not None else index / rate
                stamp = round(seconds * 1e9)
            names = (str(index), str(stamp)) if counted else (str(stamp),)
            yield SourceFrame(index, stamp, image, label_names=names)

    def _newest(self) -> Generator[SourceFrame, None, None]:
        slot: list[SourceFrame] = []
        ended: list[Exception | None] = []
        changed = threading.Condition()

        def receive() -> None:
            end: Exception | None = None
            try:
                for frame in self._all():
                    with changed:
                        slot[:] = [frame]
                        changed.notify()
                        if ended:
                            return
            except SourceError as error:
                end = error
            with changed:
                ended.append(end)
                changed.notify()

        receiver = threading.Thread(target=receive, name="cosme_receiver", daemon=True)
        receiver.start()
        try:
            while True:
                with changed:
                    changed.wait_for(lambda: slot or ended)
                    if not slot:
                        if ended[0] is not None:
                            raise ended[0]
                        return
                    frame = slot.pop()
                yield frame
        finally:
            with changed:
                ended.append(None)
            receiver.join(timeout=6.0)


def _hint(address: str) -> str:
    """Return what would be right instead of an address that cannot be opened."""
    if address.startswith(VIDEO_DEVICE):
        found = ", ".join(sorted(map(str, Path("/dev").glob("video*")))) or "none"
        return f"; the cameras of this machine: {found}"
    if "://" in address:
        return "; is the camera on, and is the address right?"
    return "; a bag, a folder of images or a video file is right"
