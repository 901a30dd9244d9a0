# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""How well a student imitates its teacher."""

import torch
from tqdm import tqdm

from training.fitting.crops import FitFrames
from training.fitting.students import AnyStudent
from training.method.preprocessing import Preprocessing
from training.method.student import on_grid_of
from training.teachers.interface import Teacher


def explained_variance(
    teacher: Teacher, student: AnyStudent, frames: FitFrames
) -> dict[str, float]:
    """Share of the variance of each of the teacher's layers that the student gets right.

    1 is perfect imitation; 0 is no better than each channel's mean over these frames. Works on
    the device of both networks.
    """
    device = next(teacher.parameters()).device
    teacher_input = Preprocessing(teacher.mean, teacher.standard_deviation, frames.resize_to)
    teacher_input.to(device)
    student_input = Preprocessing(
        student.mean, student.standard_deviation, student.input_size or frames.resize_to
    )
    student_input.to(device)
    squared_error = dict.fromkeys(student.layers, 0.0)
    moments: dict[str, list[torch.Tensor]] = {}
    for index in tqdm(range(len(frames)), "imitation", unit="frame"):
        image = torch.from_numpy(frames[index])[None].to(device)
        with torch.inference_mode():
            wanted, views = teacher(teacher_input(image)), student(student_input(image))
        for layer, view in views.items():
            target = wanted[layer].double()
            squared_error[layer] += float((target - on_grid_of(target, view)).square().sum())
            addends = [
                target.new_tensor(target[0, 0].numel()),
                target.sum(dim=(0, 2, 3)),
                target.square().sum(dim=(0, 2, 3)),
            ]
            sums = moments.setdefault(layer, [torch.zeros_like(a) for a in addends])
            moments[layer] = [s + a for s, a in zip(sums, addends, strict=True)]
    shares = {}
    for layer, (count, total, squares) in moments.items():
        variation = float((squares - total.square() / count).sum())
        shares[layer] = 1.0 - squared_error[layer] / variation if variation > 0 else 0.0
    return shares
