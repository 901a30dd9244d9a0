# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Other scores of the same teacher, to compare with: one small file per method.

Every method has `score(features)`, with features as `interface.py` says; higher is more anomalous.
Those that need statistics of normal frames also have `update(features)`, once per frame, and
`compute()`. `registry.py` lists them all by name.
"""
