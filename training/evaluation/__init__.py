# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Compares a bundle's scores with baselines on pictures whose anomalies are known.

`frame_scores.py` scores one frame with every method, `dataset_figures.py` collects the figures of
a data set, and the other files write them down.
"""
