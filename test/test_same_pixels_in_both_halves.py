# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Every way to a picture or a label gives the same values: node, bag tools, training, folders.

An encoding that is added to the table is tested here without another line.
"""

import array
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from helpers.small_bag import TYPES, header, stamp_of_frame
from helpers.tiny_bundle import street_frame
from rosbags.rosbag2 import StoragePlugin, Writer

from cosme_ros import topics
from cosme_ros.bags import labelled_frames
from cosme_ros.bags.reading import COMPRESSED_IMAGE, IMAGE, BagError, read_frames
from cosme_ros.evaluation.settings import LabelSettings
from cosme_ros.messages.encodings import ENCODINGS, LABEL_ENCODINGS, PICTURE_ENCODINGS, Layout
from cosme_ros.messages.images import DecodeError, decode_compressed, decode_image
from cosme_ros.parameters import Settings
from training.datasets.readers.bag import BagFrames
from training.datasets.readers.folder import ImageFolder
from training.datasets.readers.label_map import IDENTITY
from training.datasets.readers.labelled_bag import LabelledBag
from training.errors import UsageError

HEIGHT, WIDTH = 34, 48
STAMP = stamp_of_frame(0)
RANDOM = np.random.default_rng(0)


def raw(encoding, data=None, *, height=HEIGHT, width=WIDTH, is_bigendian=0):
    """An Image; of random bytes unless `data` is given."""
    row = ENCODINGS[encoding]
    step = width * row.channels * np.dtype(row.dtype).itemsize
    rows = height * 3 // 2 if row.layout is Layout.SEMI_PLANAR else height
    data = RANDOM.integers(0, 256, rows * step, np.uint8) if data is None else data
    return TYPES.types[IMAGE](
        header=header(STAMP),
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=is_bigendian,
        step=step,
        data=data,
    )


def compressed(data, image_format):
    return TYPES.types[COMPRESSED_IMAGE](
        header=header(STAMP), format=image_format, data=np.frombuffer(data, np.uint8)
    )


def write_bag(folder, **messages):
    """A bag of one message on each of the usual topics: image, labels."""
    names = {"image": topics.CAMERA_IMAGE, "labels": topics.CAMERA_LABELS}
    with Writer(folder, version=8, storage_plugin=StoragePlugin.MCAP) as writer:
        for name, message in messages.items():
            kind = message.__msgtype__
            connection = writer.add_connection(names[name], kind, typestore=TYPES)
            writer.write(connection, STAMP, TYPES.serialize_cdr(message, kind))
    return folder


class OnlyTheNode:
    """The node's way: rclpy gives an array.array, and the limit is the parameter's."""

    def __call__(self, message, _):
        content = SimpleNamespace(**{name: getattr(message, name) for name in self.names(message)})
        content.data = array.array("B", message.data.tobytes())
        is_raw = message.__msgtype__ == IMAGE
        decode = decode_image if is_raw else decode_compressed
        return decode(content, max_pixels=Settings.max_image_pixels)

    @staticmethod
    def names(message):
        return [name for name in message.__dataclass_fields__ if not name.startswith("__")]


def by_evaluation(message, folder):
    sentences = []
    with labelled_frames.BagFrames(
        write_bag(folder / "evaluated", image=message),
        image_topic=None,
        labels=LabelSettings(),
        report=lambda _, sentence: sentences.append(sentence),
    ) as frames:
        found = list(frames.read())
    if not found:
        raise BagError(" ".join(sentences))
    return found[0].image


def by_other_bag_tools(message, folder):
    return next(read_frames(write_bag(folder / "read", image=message), topics.CAMERA_IMAGE)).image


def by_training(message, folder):
    with BagFrames(write_bag(folder / "trained", image=message)) as frames:
        return frames[0]


def by_folder(message, folder):
    (folder / "pictures").mkdir()
    # By its content, not by its name.
    (folder / "pictures" / "a.jpg").write_bytes(message.data.tobytes())
    return ImageFolder(folder / "pictures")[0]


READERS = {
    "node": OnlyTheNode(),
    "evaluation": by_evaluation,
    "bag tools": by_other_bag_tools,
    "training": by_training,
}
REFUSALS = (DecodeError, BagError, UsageError)


def assert_all_alike(message, folder, *, expected=None, also=None):
    readers = READERS | (also or {})
    read = {name: reader(message, folder) for name, reader in readers.items()}
    expected = read["node"] if expected is None else expected
    for name, image in read.items():
        assert image.dtype == np.uint8, name
        np.testing.assert_array_equal(image, expected, err_msg=name)
    return read["node"]


def assert_all_refuse(message, folder, words, *, also=None):
    for name, reader in (READERS | (also or {})).items():
        with pytest.raises(REFUSALS) as caught:
            reader(message, folder)
        assert words in str(caught.value), name


@pytest.mark.parametrize("is_bigendian", [0, 1])
@pytest.mark.parametrize("encoding", PICTURE_ENCODINGS)
def test_images_of_every_encoding(tmp_path, encoding, is_bigendian):
    image = assert_all_alike(raw(encoding, is_bigendian=is_bigendian), tmp_path)
    assert image.shape == (HEIGHT, WIDTH, 3)
    cv2.imwrite(str(tmp_path / "same.png"), image)
    np.testing.assert_array_equal(ImageFolder(tmp_path)[0], image)


@pytest.mark.parametrize("encoding", PICTURE_ENCODINGS)
def test_images_with_too_much_and_too_little_data(tmp_path, encoding):
    for name, change in (("more", 1), ("less", -1)):
        message = raw(encoding)
        message.data = np.resize(message.data, len(message.data) + change)
        (tmp_path / name).mkdir()
        assert_all_refuse(message, tmp_path / name, f"{len(message.data)} bytes")


@pytest.mark.parametrize("encoding", ["16UC1", "32SC1"])
def test_images_of_numbers_are_no_pictures(tmp_path, encoding):
    assert_all_refuse(raw(encoding), tmp_path, "read as labels, not as a picture")


STREET = street_frame(HEIGHT, WIDTH, box=None, seed=1)
GREY = STREET[..., 1]


def file(extension, picture=STREET, *parameters):
    return cv2.imencode(extension, picture, parameters)[1].tobytes()


JPEG = file(".jpg")
EXIF = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x03\0\0\0\0\0\0"
TAGGED = JPEG[:2] + b"\xff\xe1" + (len(EXIF) + 2).to_bytes(2, "big") + EXIF + JPEG[2:]
FILES = {
    "JPEG": JPEG,
    "grey JPEG": file(".jpg", GREY),
    "progressive JPEG": file(".jpg", STREET, cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    "JPEG with padding": JPEG + bytes(5000),
    "JPEG with a byte behind its end": JPEG + b"x",
    "JPEG with an older one behind its end": JPEG + JPEG[-200:],
    "JPEG with an orientation": TAGGED,
    "PNG": file(".png"),
    "grey PNG": file(".png", GREY),
    "PNG of 16 bits": file(".png", STREET.astype(np.uint16) * 257),
    "PNG with alpha": file(".png", np.dstack([STREET, GREY])),
    "TIFF": file(".tiff"),
    "WebP": file(".webp"),
}


@pytest.mark.parametrize("kind", FILES)
def test_files_in_messages_and_in_folders(tmp_path, kind):
    plain = np.repeat(GREY[..., None], 3, axis=2) if kind.startswith("grey") else STREET
    exact = any(word in kind for word in ("PNG", "TIFF"))
    # A street of 34x48 has edges, which JPEG and WebP smear.
    message = compressed(FILES[kind], "bgr8; jpeg compressed bgr8")
    image = assert_all_alike(
        message, tmp_path, expected=plain if exact else None, also={"folder": by_folder}
    )
    assert np.abs(image.astype(int) - plain).mean() < 12


def test_an_orientation_changes_nothing(tmp_path):
    message = compressed(TAGGED, "jpeg")
    expected = decode_compressed(compressed(JPEG, "jpeg"))
    assert_all_alike(message, tmp_path, expected=expected, also={"folder": by_folder})


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (JPEG[: len(JPEG) // 2], "ends after"),
        (JPEG[: -len(JPEG) // 4] + b"\xff\xd9", "damaged"),
        (file(".png")[:-20], "ends after"),
        (file(".bmp"), "none of the formats"),
    ],
    ids=["cut", "cut and closed", "cut PNG", "BMP"],
)
def test_files_that_everybody_refuses(tmp_path, data, words):
    assert_all_refuse(compressed(data, "jpeg"), tmp_path, words, also={"folder": by_folder})


def test_a_picture_of_too_many_pixels(tmp_path, monkeypatch):
    # 8192x4097 of one colour: 100 kilobytes.
    data = file(".png", np.zeros((4097, 8192), np.uint8))
    monkeypatch.setattr(cv2, "imdecode", None)  # asked of the header
    message = compressed(data, "mono8; png compressed ")
    assert_all_refuse(message, tmp_path, "8192x4097", also={"folder": by_folder})


@pytest.mark.parametrize("encoding", [name for name, row in ENCODINGS.items() if row.mosaic])
def test_a_mosaic_in_a_png_is_as_the_raw_one(tmp_path, encoding):
    message = raw(encoding)
    dtype = np.dtype(ENCODINGS[encoding].dtype)
    mosaic = message.data.view(dtype.newbyteorder("<")).astype(dtype).reshape(HEIGHT, WIDTH)
    expected = decode_image(message)
    sent = compressed(file(".png", mosaic), f"{encoding}; png compressed ")
    assert_all_alike(sent, tmp_path, expected=expected)
    assert len(np.unique(expected.reshape(-1, 3).std(axis=1))) > 1, "in colours"


IDS = RANDOM.choice(np.array([0, 1, 255]), (HEIGHT, WIDTH))


def label_by_evaluation(labels, folder):
    path = write_bag(folder / "evaluated", image=raw("mono8"), labels=labels)
    return evaluated_label(path, LabelSettings())


def evaluated_label(path, settings):
    with labelled_frames.BagFrames(
        path, image_topic=None, labels=settings, report=lambda *_: None
    ) as frames:
        return next(frames.read()).label


@pytest.mark.parametrize("is_bigendian", [0, 1])
@pytest.mark.parametrize("encoding", LABEL_ENCODINGS)
def test_labels_of_every_encoding(tmp_path, encoding, is_bigendian):
    dtype = np.dtype(ENCODINGS[encoding].dtype).newbyteorder(">" if is_bigendian else "<")
    data = IDS.astype(dtype).reshape(-1).view(np.uint8)
    labels = raw(encoding, data, is_bigendian=is_bigendian)
    np.testing.assert_array_equal(label_by_evaluation(labels, tmp_path), IDS)
    bag = LabelledBag(tmp_path / "evaluated", IDENTITY)
    np.testing.assert_array_equal(bag[0][1], IDS)


@pytest.mark.parametrize("encoding", [name for name in ENCODINGS if name not in LABEL_ENCODINGS])
def test_labels_in_other_encodings_are_nobodys(tmp_path, encoding):
    assert label_by_evaluation(raw(encoding), tmp_path) is None
    bag = LabelledBag(tmp_path / "evaluated", IDENTITY)
    with pytest.raises(UsageError, match=f"it is {encoding}, but must be mono8 or"):
        bag[0]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_label_files(tmp_path, dtype):
    path = tmp_path / "labels" / f"{STAMP}.png"
    path.parent.mkdir()
    cv2.imwrite(str(path), IDS.astype(dtype))
    bag = write_bag(tmp_path / "bag", image=raw("mono8"))
    np.testing.assert_array_equal(evaluated_label(bag, LabelSettings(folder=path.parent)), IDS)
    np.testing.assert_array_equal(IDENTITY.read(path), IDS)
