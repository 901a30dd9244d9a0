# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Frames from anywhere: a bag, a folder of images, a video file, a camera, a stream."""
