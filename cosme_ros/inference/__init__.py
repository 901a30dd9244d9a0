# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Run a bundle's graphs on an execution provider of ONNX Runtime."""
