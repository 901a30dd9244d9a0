# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Write bundles: ONNX graphs, calibration table, manifest, lower precisions."""
