"""`python -m training evaluate`."""

from pathlib import Path
from typing import Annotated

import typer


def evaluate(
    bundle: Annotated[Path, typer.Argument(help="Folder that `fit` wrote.")],
    images: Annotated[Path, typer.Option(help="Folder with images/ and labels/.")],
    teacher: Annotated[Path, typer.Option(help="The teacher.pt that the bundle was fitted to.")],
    out: Annotated[Path, typer.Option(help="Folder for evaluation.json and evaluation.md.")],
    label_map: Annotated[
        str,
        typer.Option(metavar="VALUE:ID,...", help="To 0 normal, 1 anomaly; 255 is not judged."),
    ] = "0:0,1:1",
) -> None:
    """Compare a bundle with two baselines on pictures whose anomalies are known.

    Goes in: a bundle, its teacher (for the baselines: the bundle has no logits), and labelled
    pictures.

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

    from training.checkpoint import load_teacher
    from training.datasets.folder import LabelledFolder
    from training.datasets.label_map import parse_label_map
    from training.errors import Interrupted, UsageError
    from training.evaluation import as_table, evaluate_bundle

    source = LabelledFolder(images, parse_label_map(label_map))
    try:
        checkpoint = load_teacher(teacher)
    except (FileNotFoundError, ValueError) as error:
        raise UsageError(str(error)) from error
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
