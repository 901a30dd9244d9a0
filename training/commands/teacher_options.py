# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""How a command line names a teacher: the options that every command with one shares."""

from pathlib import Path
from typing import Annotated

import typer

Teacher = Annotated[
    str,
    typer.Option(
        metavar="FILE|MODULE:FUNCTION|none",
        help="Checkpoint that `teacher` or `import-teacher` wrote, or my_module:build, a function "
        "without arguments that returns any torch.nn.Module. none: no segmentation network at "
        "all, the generalist alone.",
    ),
]
Layers = Annotated[
    str | None,
    typer.Option(
        metavar="LAYER=PATH,...",
        help="Where the module's layers are: c4=backbone.layer3,c5=backbone.layer4,lh=head.3,"
        "o=head.4. c2 to c5: stages; lh: what the last 1x1 convolution reads; o: logits.",
    ),
]
Normalization = Annotated[
    str | None,
    typer.Option(
        metavar="imagenet|MEAN/DEVIATION",
        help="Of the module's input, e.g. 0.5,0.5,0.5/0.25,0.25,0.25 (R,G,B of pixels in 0..1); "
        "imagenet if not given.",
    ),
]
Classes = Annotated[
    str | None, typer.Option(help="The module's class list: a name or a JSON file, as in teacher.")
]
Weights = Annotated[
    Path | None, typer.Option(help="State dictionary (.pt) to load into the module.")
]
