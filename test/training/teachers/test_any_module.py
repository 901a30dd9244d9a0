# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Networks of others as teachers: what is read of them, and what is refused."""

import pytest

torch = pytest.importorskip("torch")

from helpers import patch_former  # noqa: E402
from torch import nn  # noqa: E402

from training.errors import UsageError  # noqa: E402
from training.teachers.any_module import (  # noqa: E402
    IMAGENET,
    AnyModule,
    parse_layers,
    parse_normalization,
)

SIZE = (64, 96)


class Small(nn.Module):
    """Layers of every awkward kind."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, 4, 1)
        self.norm = nn.BatchNorm2d(6)
        self.active = nn.ReLU(inplace=True)
        self.second = nn.Conv2d(6, 5, 3, 2, 1)
        self.both = nn.Identity()
        self.idle = nn.Conv2d(1, 1, 1)
        self.flat = nn.Flatten()
        self.split = Pair()

    def forward(self, x):
        x = self.active(self.norm(self.first(x)))
        x = self.both(self.second(self.both(x)))
        self.flat(x)
        self.split(x)
        return x


class Pair(nn.Module):
    def forward(self, x):
        return x, x


def teacher(module, layers, classes=5, sizes=(SIZE,)):
    return AnyModule(
        module, parse_layers(layers), classes=classes, normalization=IMAGENET, sizes=sizes
    )


def test_layers_are_the_modules_own_outputs():
    module = patch_former.build()
    network = teacher(module, patch_former.LAYERS, patch_former.CLASSES)
    assert network.channels == {"c3": 12, "c4": 16, "c5": 24, "lh": 16, "o": 4}
    assert network.strides == {"c3": 8, "c4": 16, "c5": 32, "lh": 8, "o": 8}
    x = torch.randn(2, 3, 96, 64)
    features = network(x)
    with torch.no_grad():
        c3 = module.stages[0](x)
        c4 = module.stages[1](c3)
        c5 = module.stages[2](c4)
        parts = [bring(maps) for bring, maps in zip(module.head.bring, (c3, c4, c5), strict=True)]
        lh = module.head.norm(
            sum(nn.functional.interpolate(p, size=(12, 8), mode="bilinear") for p in parts)
        )
        # The ReLU behind `lh` works in place; what was read has its negative values yet.
        o = module.head.logits(lh.relu())
    assert bool((lh < 0).any())
    for layer, wanted in {"c3": c3, "c4": c4, "c5": c5, "lh": lh, "o": o}.items():
        torch.testing.assert_close(features[layer], wanted)
    assert not any(p.requires_grad for p in network.parameters())
    assert not network.training


def test_nothing_of_one_image_stays_for_the_next():
    network = teacher(patch_former.build(), patch_former.LAYERS, patch_former.CLASSES)
    network(torch.randn(1, 3, 64, 96))
    assert not network._seen


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ("c5=first,lh=active,o=secnd", "no module 'secnd'; near to it are second"),
        ("c5=first,lh=active", "lacks o"),
        ("c5=first", "lacks lh and o"),
        ("c6=first,lh=active,o=second", "names c6; there are c2, c3, c4, c5, lh, o"),
        ("lh=active,o=first", "gives 6 channels and there are 5 classes"),
        ("c5=idle,lh=active,o=second", "c5=idle ran 0 times in one pass"),
        ("c5=both,lh=active,o=second", "c5=both ran 2 times in one pass"),
        ("c5=flat,lh=active,o=second", r"float32 \[1, 480\] for one image"),
        ("c5=split,lh=active,o=second", "c5=split gives a tuple"),
    ],
)
def test_wrong_layers_are_said(layers, words):
    with pytest.raises(UsageError, match=words):
        teacher(Small(), layers)


def test_a_size_that_the_network_cannot_take_is_named():
    class Fixed(Small):
        def forward(self, x):
            assert x.shape[2:] == SIZE, "only one size"
            return super().forward(x)

    with pytest.raises(UsageError, match=r"1x3x32x32, as it must.*AssertionError: only one size"):
        teacher(Fixed(), "lh=active,o=second", sizes=(SIZE, (32, 32)))


def test_mapping_is_read():
    assert parse_layers("c4 = a.b, LH=head.3,o=head.4") == {
        "c4": "a.b",
        "lh": "head.3",
        "o": "head.4",
    }
    for text in ("c4", "c4=", "=a", "c4=a,,o=b", "c4=a,C4=b"):
        with pytest.raises(UsageError, match="--layers"):
            parse_layers(text)


def test_normalization_is_read():
    assert parse_normalization("imagenet") == IMAGENET
    assert parse_normalization("0,0.5,1/1,0.5,0.25") == ((0, 0.5, 1), (1, 0.5, 0.25))
    for text in ("cityscapes", "0.5/0.5", "1,2,3", "a,b,c/1,1,1", "0,0,0/1,1,1/2,2,2"):
        with pytest.raises(UsageError, match="neither imagenet nor MEAN/DEVIATION"):
            parse_normalization(text)
    with pytest.raises(UsageError, match="above 0"):
        parse_normalization("0,0,0/1,0,1")
