# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What others wrote neither moves the cursor nor forges a line, wherever it comes from."""

import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.small_bag import TYPES, image_message
from rosbags.rosbag2 import StoragePlugin, Writer

from cosme_ros.bags.reading import IMAGE, Bag, BagError
from cosme_ros.bundle.loading import BundleError
from cosme_ros.foreign_text import printable
from cosme_ros.messages.images import DecodeError, decode_image

EVIL = "/x\x1b[2J\x1b]0;title\x07\n[ERROR] [node]: forged\u202e\x9b31m"


def test_plain_text_stays_as_it_is() -> None:
    for text in ("/camera/image_raw", "größer als 日本", "", "a\\b"):
        assert printable(text) == text


def test_every_character_that_is_none_is_escaped() -> None:
    every = "".join(map(chr, range(sys.maxunicode + 1)))
    assert printable(every, len(every)).isprintable()
    assert printable(EVIL).isprintable() and "forged" in printable(EVIL)


def test_the_length_is_bounded() -> None:
    text = printable("a" * 10**6)
    assert text == "a" * 200 + "... (999800 more characters)"
    assert len(printable("\U0010ffff" * 10**6)) < 2500


@pytest.mark.parametrize("error", [BagError, BundleError, lambda text: DecodeError("kind", text)])
def test_sentences_of_errors(error) -> None:
    sentence = str(error(f"topic '{EVIL}' is not there"))
    assert sentence.isprintable() and "is not there" in sentence


def test_an_encoding_out_of_a_message() -> None:
    message = image_message(1, np.zeros((2, 2), np.uint8), "mono8")
    message.encoding = EVIL * 1000
    with pytest.raises(DecodeError) as refusal:
        decode_image(message)
    assert str(refusal.value).isprintable() and len(str(refusal.value)) < 8000


def test_names_out_of_a_bag(tmp_path: Path) -> None:
    with Writer(tmp_path / "bag", version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connection = writer.add_connection(EVIL, IMAGE, typestore=TYPES)
        for index in range(100):
            writer.write(connection, index, b"short")
    with Bag(tmp_path / "bag") as bag, pytest.raises(BagError) as refusal:
        bag.type_of("/camera")
    assert str(refusal.value).isprintable()
    sentences: list[str] = []
    with Bag(tmp_path / "bag", sentences.append) as bag:
        assert list(bag.messages([EVIL])) == []
    assert all(sentence.isprintable() for sentence in sentences)
    # The first of them, how many more, and what is missing of what the metadata lists.
    assert len(sentences) == 22
    assert "80 more sentences like these" in sentences[20] and "100 missing" in sentences[21]
