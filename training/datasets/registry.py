# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Every data set by name, and its spelling on the command line.

Published sets are spelled NAME=PATH[:SPLIT]; `FORMS` holds the other spellings. LABELS in them
says what the values in label pictures mean: `VALUE:ID,...` to 0 normal, 1 anomaly and 255 not
judged, as in `?0:0,2:1`; or a class list by name or JSON file, as in `?camvid`. Without it they
are 0, 1 and 255.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from cosme_ros.bags.recognition import is_bag
from cosme_ros.messages.image_orientation import AS_IT_IS, ImageOrientation
from training.datasets.composited import CompositedAnomalies
from training.datasets.interface import Entry, Kind, NamedSource
from training.datasets.mapped_labelled_frames import MappedLabelledFrames
from training.datasets.published import (
    camvid,
    cityscapes,
    fishyscapes,
    lost_and_found,
    road_anomaly,
    segment_me_if_you_can,
    streethazards,
)
from training.datasets.readers.class_list import ClassList, read_class_list
from training.datasets.readers.folder import LabelledFolder
from training.datasets.readers.label_map import IGNORE, LabelMap, parse_label_map
from training.datasets.readers.labelled_bag import LabelledBag
from training.datasets.readers.labels import ANOMALY_LABELS
from training.datasets.synthetic_streets import (
    SYNTHETIC,
    SYNTHETIC_CLASSES,
    SyntheticStreets,
    parse_synthetic,
)
from training.errors import UsageError


@dataclass(frozen=True)
class Form:
    """A spelling of data that nobody publishes.

    Attributes:
        name: what it begins with.
        title: for people.
        spelling: the whole of it.
        layout: what is expected there, for people.
    """

    name: str
    title: str
    spelling: str
    layout: str


FOLDER = "folder"
BAG = "bag"
SYNTHETIC_ANOMALIES = "synthetic_anomalies"
COMPOSITED = "composited"
SYNTHETIC_ANOMALY_FRAMES = 100

PUBLISHED: dict[str, Entry] = {
    entry.name: entry
    for entry in (
        cityscapes.ENTRY,
        camvid.ENTRY,
        streethazards.ENTRY,
        fishyscapes.LOST_AND_FOUND,
        fishyscapes.STATIC,
        road_anomaly.ENTRY,
        segment_me_if_you_can.ROAD_ANOMALY_21,
        segment_me_if_you_can.ROAD_OBSTACLE_21,
        lost_and_found.ENTRY,
    )
}

FORMS: dict[str, Form] = {
    form.name: form
    for form in (
        Form(
            FOLDER,
            "a folder of your own",
            f"{FOLDER}=PATH[?LABELS], or NAME=PATH?LABELS with a name for reports",
            "images/NAME.jpg, .png or .webp, labels/NAME.png of one 8-bit channel; all levels deep",
        ),
        Form(
            BAG,
            "a rosbag2 with labels",
            f"{BAG}=PATH[:TOPIC][?LABELS], or NAME=PATH[:TOPIC]?LABELS",
            "Image or CompressedImage on TOPIC, and on a topic that ends in /labels Image (mono8) "
            "of the same stamps, as `make-bag --labels` writes it",
        ),
        Form(
            SYNTHETIC,
            "synthetic streets, labelled with classes",
            f"{SYNTHETIC}:SEED[:COUNT]",
            "nothing on disk",
        ),
        Form(
            SYNTHETIC_ANOMALIES,
            "synthetic streets with anomalies, labelled 0 and 1",
            f"{SYNTHETIC_ANOMALIES}:SEED[:COUNT]",
            "nothing on disk",
        ),
        Form(
            COMPOSITED,
            "frames of another set with painted things on the road, to choose settings by",
            f"{COMPOSITED}:SEED:DATASET, for example {COMPOSITED}:0:camvid=PATH:test",
            "whatever DATASET needs; its labels are classes, some of them drivable",
        ),
    )
}

CLASS_LISTS: dict[str, ClassList] = {
    SYNTHETIC: SYNTHETIC_CLASSES,
    **{entry.name: entry.classes for entry in PUBLISHED.values() if entry.classes is not None},
}


@dataclass(frozen=True)
class Dataset:
    """An opened data set.

    Attributes:
        spelling: what opens it again.
        name: for file names and tables.
        title: for people.
        kind: `classes`, or `anomalies`: 0 normal, 1 anomaly; 255 is ignored in both.
        source: its frames, uint8 [H, W, 3] BGR, with labels, uint8 [H, W].
        classes: what the labels mean, where they are classes.
    """

    spelling: str
    name: str
    title: str
    kind: Kind
    source: NamedSource
    classes: ClassList | None = None

    def class_list(self) -> ClassList:
        """Return `classes`, for work that needs them.

        Raises:
            UsageError: the labels are anomalies.
        """
        if self.classes is None:
            raise UsageError(
                f"the labels of {self.spelling} say where anomalies are; expected labels that are "
                "classes: a split or a class list, as `python -m training datasets` explains"
            )
        return self.classes


def open_dataset(text: str, orientation: ImageOrientation = AS_IT_IS) -> Dataset:
    """Open the data set that a spelling, as this file lists them, means.

    Files are listed, none is decoded.

    Args:
        text: the spelling.
        orientation: how frames and labels of the user's camera become upright. Published and
            synthetic sets are upright already.

    Raises:
        UsageError: no such name, split or class list, or the files are not as expected; the
            message says what would be.
    """
    if text.split(":")[0] == COMPOSITED:
        return _open_composited(text, orientation)
    name, equals, rest = text.partition("=")
    if not equals:
        return _open_synthetic(text)
    place, mark, labels = rest.partition("?")
    if mark or name in (FOLDER, BAG):
        dataset = _open_own(text, name, *_place_and_part(place), labels if mark else None)
        if orientation.turns:
            dataset = replace(
                dataset, source=MappedLabelledFrames(dataset.source, orientation.upright)
            )
        return dataset
    if name not in PUBLISHED:
        raise UsageError(
            f"{name!r} is no known data set; known are {', '.join(PUBLISHED)}, {FOLDER} and "
            f"{BAG}. For a folder of your own say what its label values mean, for example "
            f"{name}={rest}?0:0,1:1"
        )
    entry = PUBLISHED[name]
    root, split = _place_and_part(place)
    split = split or next(iter(entry.splits))
    if split not in entry.splits:
        raise UsageError(f"{name} has no split {split!r}; it has {', '.join(entry.splits)}")
    if not root.is_dir():
        raise UsageError(f"{root} is no folder; {name} is expected there as {entry.layout}")
    try:
        source = entry.open(root, split)
    except UsageError as error:
        raise UsageError(f"{error}. The layout of {name}: {entry.layout}") from error
    kind = entry.splits[split]
    classes = entry.classes if kind == "classes" else None
    return Dataset(text, name, entry.title, kind, source, classes)


def load_class_list(name: str) -> ClassList:
    """Find a built-in class list by name, or read one from a JSON file.

    Raises:
        UsageError: neither a built-in name nor a readable file of the documented format.
    """
    if name in CLASS_LISTS:
        return CLASS_LISTS[name]
    if not Path(name).is_file():
        raise UsageError(
            f"class list {name!r} is none of {', '.join(sorted(CLASS_LISTS))}, nor a file"
        )
    return read_class_list(Path(name))


def _open_synthetic(text: str) -> Dataset:
    name = text.split(":")[0]
    if name == SYNTHETIC:
        source = SyntheticStreets(*parse_synthetic(text))
        return Dataset(text, name, "synthetic streets", "classes", source, SYNTHETIC_CLASSES)
    if name == SYNTHETIC_ANOMALIES:
        seed, count = parse_synthetic(text, SYNTHETIC_ANOMALY_FRAMES, name)
        source = SyntheticStreets(seed, count, anomalies=True)
        return Dataset(text, name, "synthetic streets with anomalies", "anomalies", source)
    raise UsageError(
        f"{text!r} is no data set; expected NAME=PATH, {SYNTHETIC}:SEED or "
        f"{SYNTHETIC_ANOMALIES}:SEED; `python -m training datasets` lists the names"
    )


def _open_composited(text: str, orientation: ImageOrientation) -> Dataset:
    _, _, rest = text.partition(":")
    seed, colon, base_text = rest.partition(":")
    if not colon or not seed.isdecimal():
        raise UsageError(f"{text!r} is not {FORMS[COMPOSITED].spelling}")
    base = open_dataset(base_text, orientation)
    source = CompositedAnomalies(base.source, base.class_list().classes, int(seed))
    name = f"{base.name}_{COMPOSITED}"
    return Dataset(text, name, f"{base.title}, {COMPOSITED}", "anomalies", source)


def _open_own(text: str, name: str, path: Path, part: str | None, labels: str | None) -> Dataset:
    if not path.exists():
        raise UsageError(f"{path} does not exist; expected a folder with images/ and labels/")
    kind, label_map, classes = _meaning(labels)
    source: NamedSource
    if name == BAG or (name != FOLDER and is_bag(path)):
        source = LabelledBag(path, label_map, part)
    elif part is not None:
        raise UsageError(f"{text!r} names the split {part!r}; a plain folder has none")
    else:
        source = LabelledFolder(path, label_map)
    if name in PUBLISHED:
        title = PUBLISHED[name].title
    else:
        title = path.resolve().name if name in (FOLDER, BAG) else name
    return Dataset(text, name, title, kind, source, classes)


def _meaning(labels: str | None) -> tuple[Kind, LabelMap, ClassList | None]:
    if labels is None:
        return "anomalies", ANOMALY_LABELS, None
    if ":" not in labels or Path(labels).is_file():
        classes = load_class_list(labels)
        return "classes", classes.label_map, classes
    label_map = parse_label_map(labels)
    strange = sorted(set(label_map.ids.values()) - {0, 1, IGNORE})
    if strange:
        raise UsageError(
            f"label map {labels!r} gives the id {strange[0]}; ids are 0 normal, 1 anomaly and "
            f"{IGNORE} not judged. Where labels are classes, name a class list: "
            f"?{' or ?'.join(sorted(CLASS_LISTS))}, or a JSON file"
        )
    return "anomalies", label_map, None


def _place_and_part(place: str) -> tuple[Path, str | None]:
    if Path(place).exists() or ":" not in place:
        return Path(place), None
    path, _, part = place.rpartition(":")
    return Path(path), part
