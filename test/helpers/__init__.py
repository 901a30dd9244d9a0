# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What several tests share: small bags and bundles, processes, networks of others."""
