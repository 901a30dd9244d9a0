# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import pytest
import torch

from training.errors import UsageError
from training.segmentation.windows import RandomViews

SIZE = (32, 48)


def test_every_frame_comes_once_an_epoch(halves):
    seen = []

    class Watched:
        def __len__(self):
            return len(halves)

        def __getitem__(self, index):
            seen.append(index)
            return halves[index]

    views = RandomViews(Watched(), SIZE, seed=0, zoom=2.0)
    for position in range(14):
        image, label = views[position]
        assert (image.dtype, label.dtype) == (torch.uint8, torch.int64)
        assert (image.shape, label.shape) == ((32, 48, 3), (32, 48))
    assert sorted(seen[:7]) == sorted(seen[7:]) == list(range(7))
    assert seen[:7] != seen[7:]


def test_a_view_depends_on_its_position_alone(halves):
    forward, direct = RandomViews(halves, SIZE, 0, zoom=2.0), RandomViews(halves, SIZE, 0, zoom=2.0)
    views = [forward[position] for position in range(12)]
    assert torch.equal(views[11][0], direct[11][0])
    assert torch.equal(views[3][1], direct[3][1])


@pytest.mark.parametrize("workers", [0, 1])
def test_an_error_in_a_worker_keeps_its_sentence_alone(workers):
    class Broken:
        def __len__(self):
            return 4

        def __getitem__(self, index):
            raise UsageError("x.png cannot be decoded")

    with pytest.raises(UsageError) as caught:
        list(RandomViews(Broken(), SIZE, 0, zoom=2.0).batches(range(4), 2, workers))
    assert str(caught.value) == "x.png cannot be decoded"
