# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Writes frames as a rosbag2 that `ros2 bag play` of Humble and later plays."""

import math
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from rosbags.interfaces import Connection
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from cosme_ros.output_folder import BAG_CONTENTS, check_output_dir
from training.errors import UsageError

IMAGE_TOPIC = "/camera/image_raw"
COMPRESSED_TOPIC = "/camera/image_raw/compressed"
LABEL_TOPIC = "/camera/labels"
CAMERA_INFO_TOPIC = "/camera/camera_info"
SCENE_TOPIC = "/camera/scene"

START_STAMP_S = 1_704_067_200
"""2024-01-01 00:00:00 UTC: fixed, so that the same frames give the same bag."""

ImageFormat = Literal["raw", "jpeg", "png"]

# 8 is the newest metadata that Humble reads: 9 (Jazzy) made a list of what was a string.
_METADATA_VERSION: Literal[8] = 8
_NANOSECONDS = 1_000_000_000
_TYPES = get_typestore(Stores.ROS2_HUMBLE)


@dataclass(frozen=True)
class BagFrame:
    """One frame of a bag.

    Attributes:
        image: uint8 [H, W, 3], BGR.
        label: uint8 [H, W], or None where there is none.
        scene: what begins with this frame, for people: a place, a weather. None: nothing new.
    """

    image: np.ndarray
    label: np.ndarray | None = None
    scene: str | None = None


def write_bag(
    path: Path,
    frames: Iterable[BagFrame],
    *,
    rate: float,
    image_format: ImageFormat = "jpeg",
    quality: int = 90,
    frame_id: str = "camera",
    start_stamp: int = START_STAMP_S,
    horizontal_fov: float | None = None,
    overwrite: bool = False,
) -> int:
    """Write a rosbag2 (MCAP, chunks compressed with zstd).

    Per frame, all with the same stamp: sensor_msgs/CameraInfo on /camera/camera_info,
    sensor_msgs/Image (bgr8) on /camera/image_raw or sensor_msgs/CompressedImage on
    /camera/image_raw/compressed, and where there is a label, sensor_msgs/Image (mono8) on
    /camera/labels. Where a scene begins, std_msgs/String with its title on /camera/scene, at the
    time of its first frame. The bag appears under its name when it is whole, never before.

    Args:
        path: the bag's folder.
        frames: in order; consumed one by one.
        rate: frames a second, above 0.
        image_format: raw, jpeg (lossy) or png (lossless).
        quality: of JPEG, 1..100.
        frame_id: of every header.
        start_stamp: of the first frame, seconds since 1970.
        horizontal_fov: angle of view across the picture's width, degrees, 0..180; makes the
            camera info a nominal pinhole without distortion. Without it the camera info is
            what sensor_msgs/CameraInfo calls uncalibrated: sizes, and K all zero.
        overwrite: replace what is at `path`.

    Returns:
        Number of frames written.

    Raises:
        UsageError: `path` exists, an argument is out of range, or there is no frame.
    """
    _check(path, rate, quality, horizontal_fov, overwrite)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
        # The bag's own name already here: the metadata and the file inside bear it.
        unfinished = Path(folder) / path.name
        writer = Writer(unfinished, version=_METADATA_VERSION, storage_plugin=StoragePlugin.MCAP)
        writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
        with writer:
            bag = _Bag(writer, frame_id, image_format, quality, horizontal_fov)
            count = 0
            for frame in frames:
                offset = round(count * _NANOSECONDS / rate)
                bag.write(frame, start_stamp * _NANOSECONDS + offset)
                count += 1
        if count == 0:
            raise UsageError(f"there is no frame to write to {path}")
        if path.exists():
            shutil.rmtree(path)
        unfinished.rename(path)
    return count


def _check(
    path: Path, rate: float, quality: int, horizontal_fov: float | None, overwrite: bool
) -> None:
    check_output_dir(path, BAG_CONTENTS, overwrite=overwrite)
    if not (math.isfinite(rate) and rate > 0):
        raise UsageError(f"rate is {rate}; it is frames a second and above 0")
    if not 1 <= quality <= 100:
        raise UsageError(f"quality is {quality}; JPEG's is 1 to 100")
    if horizontal_fov is not None and not 0 < horizontal_fov < 180:
        raise UsageError(f"horizontal field of view is {horizontal_fov}; degrees between 0 and 180")


class _Bag:
    """An open bag with our topics."""

    def __init__(
        self,
        writer: Writer,
        frame_id: str,
        image_format: ImageFormat,
        quality: int,
        horizontal_fov: float | None,
    ) -> None:
        self._writer = writer
        self._frame_id = frame_id
        self._format = image_format
        self._quality = quality
        self._fov = horizontal_fov
        self._connections: dict[str, Connection] = {}

    def write(self, frame: BagFrame, stamp: int) -> None:
        """Write one frame's messages, stamped `stamp` nanoseconds since 1970."""
        height, width = frame.image.shape[:2]
        header = self._message(
            "std_msgs/msg/Header",
            stamp=self._message(
                "builtin_interfaces/msg/Time",
                sec=stamp // _NANOSECONDS,
                nanosec=stamp % _NANOSECONDS,
            ),
            frame_id=self._frame_id,
        )
        if frame.scene is not None:
            title = self._message("std_msgs/msg/String", data=frame.scene)
            self._put(SCENE_TOPIC, stamp, title)
        self._put(CAMERA_INFO_TOPIC, stamp, self._camera_info(header, height, width))
        if self._format == "raw":
            self._put(IMAGE_TOPIC, stamp, self._image(header, frame.image, "bgr8"))
        else:
            self._put(COMPRESSED_TOPIC, stamp, self._compressed(header, frame.image))
        if frame.label is not None:
            self._put(LABEL_TOPIC, stamp, self._image(header, frame.label, "mono8"))

    def _put(self, topic: str, stamp: int, message: Any) -> None:
        kind = message.__msgtype__
        if topic not in self._connections:
            self._connections[topic] = self._writer.add_connection(topic, kind, typestore=_TYPES)
        data = _TYPES.serialize_cdr(message, kind)
        self._writer.write(self._connections[topic], stamp, data)

    def _compressed(self, header: Any, image: np.ndarray) -> Any:
        # OpenCV's other encoders pass over what is JPEG's.
        parameters = [cv2.IMWRITE_JPEG_QUALITY, self._quality]
        encoded = cv2.imencode(f".{self._format}", image, parameters)[1]
        return self._message(
            "sensor_msgs/msg/CompressedImage",
            header=header,
            # As compressed_image_transport writes it.
            format=f"bgr8; {self._format} compressed bgr8",
            data=encoded.reshape(-1),
        )

    def _image(self, header: Any, image: np.ndarray, encoding: str) -> Any:
        height, width = image.shape[:2]
        data = np.ascontiguousarray(image).reshape(-1)
        return self._message(
            "sensor_msgs/msg/Image",
            header=header,
            height=height,
            width=width,
            encoding=encoding,
            is_bigendian=0,
            step=data.size // height,
            data=data,
        )

    def _camera_info(self, header: Any, height: int, width: int) -> Any:
        intrinsics = np.zeros((3, 3))
        projection = np.zeros((3, 4))
        if self._fov is not None:
            focal = width / 2 / math.tan(math.radians(self._fov) / 2)
            intrinsics[[0, 1, 2], [0, 1, 2]] = focal, focal, 1
            intrinsics[:2, 2] = (width - 1) / 2, (height - 1) / 2
            projection[:, :3] = intrinsics
        return self._message(
            "sensor_msgs/msg/CameraInfo",
            header=header,
            height=height,
            width=width,
            distortion_model="plumb_bob",
            d=np.zeros(5),
            k=intrinsics.reshape(-1),
            r=np.eye(3).reshape(-1),
            p=projection.reshape(-1),
            binning_x=0,
            binning_y=0,
            roi=self._message(
                "sensor_msgs/msg/RegionOfInterest",
                x_offset=0,
                y_offset=0,
                height=0,
                width=0,
                do_rectify=False,
            ),
        )

    def _message(self, kind: str, **fields: Any) -> Any:
        return _TYPES.types[kind](**fields)
