# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Reads the metadata.yaml of a rosbag2 folder.

The recorder writes it last: a bag may be without it, or hold less than it lists. Of its entries on
topics only the counts are used. Quality of service matters to who plays a bag, not to who reads it.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

METADATA = "metadata.yaml"
_LARGEST = 1 << 24
_NEWEST_VERSION = 9


class MetadataError(Exception):
    """There is no metadata.yaml, or it is damaged; the message states what is wrong."""


@dataclass(frozen=True)
class BagMetadata:
    """What a recorder wrote when it ended."""

    files: tuple[str, ...]
    """Names of the storage files in the bag's folder, in order."""
    counts: Mapping[str, int]
    """Topic to number of messages."""


def read_metadata(folder: Path) -> BagMetadata:
    """Read the metadata.yaml of a bag.

    Raises:
        MetadataError: there is none, or it is damaged.
    """
    file = folder / METADATA
    try:
        if file.stat().st_size > _LARGEST:
            raise MetadataError(f"{METADATA} has more than {_LARGEST} bytes")
        described = yaml.safe_load(file.read_bytes())["rosbag2_bagfile_information"]
        if not 1 <= described["version"] <= _NEWEST_VERSION:
            raise MetadataError(
                f"{METADATA} is of version {described['version']}; known are 1 to {_NEWEST_VERSION}"
            )
        counts: Counter[str] = Counter()
        for topic in described["topics_with_message_count"]:
            counts[str(topic["topic_metadata"]["name"])] += int(topic["message_count"])
        names = (Path(str(name)).name for name in described["relative_file_paths"])
        return BagMetadata(tuple(dict.fromkeys(names)), counts)
    except FileNotFoundError:
        raise MetadataError(f"it has no {METADATA}") from None
    except OSError as error:
        raise MetadataError(f"{METADATA} cannot be read: {error.strerror}") from error
    except (
        yaml.YAMLError,
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        RecursionError,
    ) as error:
        raise MetadataError(f"{METADATA} is damaged: {type(error).__name__}: {error}") from error
