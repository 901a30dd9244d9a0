# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Why an obstacle is one: what its score is made of, and what training knew that is like it."""
