# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Where a bag keeps the messages of a camera, unless one says otherwise."""

CAMERA_IMAGE = "/camera/image_raw/compressed"  # sensor_msgs/CompressedImage, or Image
CAMERA_LABELS = "/camera/labels"  # sensor_msgs/Image, mono8: 0 normal, 1 anomaly, 255 ignored
CAMERA_INFO = "/camera/camera_info"  # sensor_msgs/CameraInfo
CAMERA_SCENE = "/camera/scene"  # std_msgs/String: the title of the scene that begins
