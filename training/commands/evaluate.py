"""`python -m training evaluate`."""

from pathlib import Path
from typing import Annotated

import typer

from training.commands import teacher_options


def evaluate(
    bundle: Annotated[Path, typer.Argument(help="Folder that `fit` wrote.")],
    images: Annotated[Path, typer.Option(help="Folder with images/ and labels/.")],
    teacher: teacher_options.Teacher,
    out: Annotated[Path, typer.Option(help="Folder for evaluation.json and evaluation.md.")],
    layers: teacher_options.Layers = None,
    normalization: teacher_options.Normalization = None,
    classes: teacher_options.Classes = None,
    teacher_weights: teacher_options.Weights = None,
    label_map: Annotated[
        str,
        typer.Option(metavar="VALUE:ID,...", help="To 0 normal, 1 anomaly; 255 is not judged."),
    ] = "0:0,1:1",
) -> None:
    """Compare a bundle with two baselines on pictures whose anomalies are known.

    Goes in: a bundle, the teacher that it was fitted to (for the baselines: the bundle has no
    logits), and labelled pictures.

    Comes out: average precision, AUROC and FPR95 of maximum softmax, maximum logit, MulMem,
    AuxCon and CosMe, over the pixels of all pictures together, as a table and as JSON.

    Each picture is brought whole to the network's input size, as on the vehicle, so a picture
    of another ratio of sides is squashed. The bundle runs in ONNX Runtime on the CPU.

    Example:

        python -m training evaluate my_bundle --teacher teacher.pt \\
            --images road_anomaly --label-map 0:0,2:1 --out figures

    Next: choose nothing by these figures that you report on the same pictures.
    """
    import json

    from tqdm import tqdm

    from training.datasets.folder import LabelledFolder
    from training.datasets.label_map import parse_label_map
    from training.errors import Interrupted
    from training.evaluation import as_table, evaluate_bundle, read_manifest
    from training.open_teacher import open_teacher

    source = LabelledFolder(images, parse_label_map(label_map))
    size = read_manifest(bundle)["input_size"]
    checkpoint = open_teacher(
        teacher,
        sizes=((size["height"], size["width"]),),
        layers=layers,
        normalization=normalization,
        classes=classes,
        weights=teacher_weights,
    )
    try:
        with tqdm(total=len(source), unit="frame", desc=bundle.name) as bar:
            result = evaluate_bundle(bundle, checkpoint, source, bar.update)
    except KeyboardInterrupt:
        raise Interrupted("nothing was written; the same command starts anew") from None
    inputs = {"bundle": str(bundle), "teacher": str(teacher), "images": str(images)}
    table = as_table(result)
    out.mkdir(parents=True, exist_ok=True)
    (out / "evaluation.json").write_text(json.dumps({**inputs, **result}, indent=1) + "\n")
    (out / "evaluation.md").write_text(table)
    typer.echo(table)
