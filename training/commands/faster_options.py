# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Options that `halve` and `quantise` share."""

from pathlib import Path
from typing import Annotated

import typer

BundleArgument = Annotated[Path, typer.Argument(help="Folder that `fit` wrote.")]
CostOption = Annotated[
    str,
    typer.Option(
        metavar="NAME=PATH",
        help="Pictures with known anomalies, to measure what it costs; spelled as for "
        "`evaluate`, for example bag=demo/bag?0:0,1:1.",
    ),
]
