# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Score maps on disk, between the pass that counts them and the one that looks at them again."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np


class ScoreStore:
    """Keeps float32 maps by method and frame in a temporary folder; a context manager.

    What is kept in memory does not grow with the number of frames. On disk a map takes four
    bytes for each of its places.

    Args:
        parent: an existing folder on a disk with room; the temporary one goes in there.
    """

    def __init__(self, parent: Path) -> None:
        self._folder = TemporaryDirectory(prefix=".scores_", dir=parent)

    def __enter__(self) -> "ScoreStore":
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def put(self, method: str, frame: int, score: np.ndarray) -> None:
        """Keep a map."""
        np.save(self._path(method, frame), score.astype(np.float32, copy=False))

    def get(self, method: str, frame: int) -> np.ndarray:
        """The map as it was put."""
        score: np.ndarray = np.load(self._path(method, frame), allow_pickle=False)
        return score

    def _path(self, method: str, frame: int) -> Path:
        return Path(self._folder.name) / f"{method}_{frame:06d}.npy"
