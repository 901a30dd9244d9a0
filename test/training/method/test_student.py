# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Eq. 5 and 6 against loops written from the paper."""

import pytest

torch = pytest.importorskip("torch")

from training.method import student as auxcon  # noqa: E402
from training.method.student import Student  # noqa: E402
from training.teachers.factory import build_teacher  # noqa: E402


def random_map(seed: int, channels: int = 3, height: int = 2, width: int = 4) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, channels, height, width, generator=generator)


def test_imitation_loss_is_equation_5() -> None:
    teacher = {"c4": random_map(1), "c5": random_map(2, 5)}
    student = {"c4": random_map(3), "c5": random_map(4, 5)}
    wanted = 0.0
    for layer in teacher:
        for image in range(2):
            difference = (teacher[layer][image] - student[layer][image]).double().flatten()
            frobenius_squared = sum(float(d) ** 2 for d in difference)
            wanted += frobenius_squared / difference.numel() / 2
    assert float(auxcon.imitation_loss(teacher, student)) == pytest.approx(wanted, rel=1e-6)


def test_layer_score_is_equation_6() -> None:
    teacher, student = random_map(5), random_map(6)
    score = auxcon.layer_score(teacher, student)
    assert score.shape == (2, 1, 2, 4)
    for image in range(2):
        for i in range(2):
            for j in range(4):
                f, g = teacher[image, :, i, j].double(), student[image, :, i, j].double()
                wanted = sum(float(a - b) ** 2 for a, b in zip(f, g, strict=True)) / 3
                assert float(score[image, 0, i, j]) == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("backbone", ["resnet18", "resnet50", "efficientnet_lite0"])
def test_student_has_the_teachers_shapes(backbone: str) -> None:
    teacher = build_teacher("deeplabv3plus_resnet18", 5, width=0.25).eval()
    student = Student(
        f"deeplabv3plus_{backbone}", teacher.channels, teacher.strides, width=0.125
    ).eval()
    images = torch.zeros(1, 3, 72, 100)
    wanted, views = teacher(images), student(images)
    assert {k: v.shape for k, v in views.items()} == {k: v.shape for k, v in wanted.items()}


def test_student_of_other_strides_comes_on_the_teachers_grid() -> None:
    """A teacher at strides 16, 32 and 8 with sizes rounded up; the student's decoder is at 8."""
    channels = {"c4": 12, "c5": 20, "lh": 10, "o": 5}
    strides = {"c4": 16, "c5": 32, "lh": 8, "o": 8}
    student = Student("resnet18", channels, strides, width=0.125, layers=tuple(channels)).eval()
    views = student(torch.zeros(1, 3, 64, 96))
    assert {layer: tuple(view.shape) for layer, view in views.items()} == {
        layer: (1, channels[layer], 64 // strides[layer], 96 // strides[layer])
        for layer in channels
    }


def test_views_of_another_size_are_interpolated() -> None:
    """Twice as fine: the mean of four; half-pixel centres make it exact."""
    target, fine = random_map(7, 3, 2, 2), random_map(8, 3, 4, 4)
    matched = auxcon.on_grid_of(target, fine)
    means = fine.reshape(2, 3, 2, 2, 2, 2).mean(dim=(3, 5))
    torch.testing.assert_close(matched, means)
    expected = (target - means).square().mean(dim=1, keepdim=True)
    torch.testing.assert_close(auxcon.layer_score(target, fine), expected)
    loss = auxcon.imitation_loss({"c5": target}, {"c5": fine})
    torch.testing.assert_close(loss, (target - means).square().mean())


def test_imitation_loss_is_of_places_that_are_looked_at() -> None:
    """On grids of half and of a quarter of the images' size, whatever the hidden error is."""
    teacher = {"c4": random_map(1, 3, 4, 8), "c5": random_map(2)}
    student = {"c4": random_map(3, 3, 4, 8), "c5": random_map(4)}
    looked_at = torch.ones(2, 8, 16, dtype=torch.bool)
    looked_at[0, 4:] = False  # the lower half of the first image
    looked_at[1, :, :4] = False  # the left quarter of the second one
    wanted = 0.0
    for layer in teacher:
        squares = (teacher[layer] - student[layer]).square()
        _, _, height, width = squares.shape
        squares[0, :, height // 2 :] = 0
        squares[1, :, :, : width // 4] = 0
        wanted += float(squares.mean())
    found = auxcon.imitation_loss(teacher, student, looked_at)
    assert float(found) == pytest.approx(wanted, rel=1e-6)
    student["c5"][0, :, 1] += 1000.0
    assert torch.equal(auxcon.imitation_loss(teacher, student, looked_at), found)
    all_of_it = torch.ones_like(looked_at)
    whole = auxcon.imitation_loss(teacher, student)
    assert torch.equal(auxcon.imitation_loss(teacher, student, all_of_it), whole) and whole > found
