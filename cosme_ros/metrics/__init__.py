# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""How good scores are, in the terms of the field. NumPy, OpenCV and scikit-learn only.

The one part of the vehicle half that `training/` imports: `evaluate` there and the judging of bags
here have to mean the same by the same word.
"""
