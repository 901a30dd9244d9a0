# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Two public DeepLabV3+ again, from the descriptions of their layouts: names, shapes, arithmetic.

Plain functions on a dictionary of tensors, so that they share nothing with the package's modules.
"""

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own customary name)

CLASSES = 19
DEPTHS = {"resnet50": (3, 4, 6, 3), "resnet101": (3, 4, 23, 3)}


def shapes(layout, backbone):
    """Name to shape, batch norm's counters and what only trains included."""
    result = {}

    def convolution(name, outputs, inputs, kernel):
        result[f"{name}.weight"] = (outputs, inputs, kernel, kernel)

    def norm(name, channels):
        for part in ("weight", "bias", "running_mean", "running_var"):
            result[f"{name}.{part}"] = (channels,)
        result[f"{name}.num_batches_tracked"] = ()

    if layout == "vainf":
        convolution("backbone.conv1", 64, 3, 7)
        norm("backbone.bn1", 64)
        root, inputs = "backbone.", 64
    else:
        for index, (outputs, channels) in ((0, (64, 3)), (3, (64, 64)), (6, (128, 64))):
            convolution(f"layer0.{index}", outputs, channels, 3)
            norm(f"layer0.{index + 1}", outputs)
        root, inputs = "", 128
    for stage, (planes, depth) in enumerate(
        zip((64, 128, 256, 512), DEPTHS[backbone], strict=True)
    ):
        for block in range(depth):
            name = f"{root}layer{stage + 1}.{block}"
            for number, (outputs, channels, kernel) in enumerate(
                ((planes, inputs, 1), (planes, planes, 3), (4 * planes, planes, 1)), start=1
            ):
                convolution(f"{name}.conv{number}", outputs, channels, kernel)
                norm(f"{name}.bn{number}", outputs)
            if block == 0:
                convolution(f"{name}.downsample.0", 4 * planes, inputs, 1)
                norm(f"{name}.downsample.1", 4 * planes)
            inputs = 4 * planes
    names = NAMES[layout]
    for index, kernel in enumerate((1, 3, 3, 3)):
        convolution(f"{names['branches']}.{index}.0", 256, 2048, kernel)
        norm(f"{names['branches']}.{index}.1", 256)
    convolution(names["mean"][0], 256, 2048, 1)
    norm(names["mean"][1], 256)
    for name, outputs, channels, kernel in names["rest"]:
        convolution(name[0], outputs, channels, kernel)
        norm(name[1], outputs)
    convolution(names["classifier"], CLASSES, 256, 1)
    result[f"{names['classifier']}.bias"] = (CLASSES,)
    if layout == "nvidia":
        convolution("dsn.0", 512, 1024, 3)
        result["dsn.0.bias"] = (512,)
        norm("dsn.1", 512)
        convolution("dsn.4", CLASSES, 512, 1)
        result["dsn.4.bias"] = (CLASSES,)
    return result


NAMES = {
    "vainf": {
        "branches": "classifier.aspp.convs",
        "mean": ("classifier.aspp.convs.4.1", "classifier.aspp.convs.4.2"),
        "rest": (
            (("classifier.aspp.project.0", "classifier.aspp.project.1"), 256, 1280, 1),
            (("classifier.project.0", "classifier.project.1"), 48, 256, 1),
            (("classifier.classifier.0", "classifier.classifier.1"), 256, 304, 3),
        ),
        "classifier": "classifier.classifier.3",
    },
    "nvidia": {
        "branches": "aspp.features",
        "mean": ("aspp.img_conv.0", "aspp.img_conv.1"),
        "rest": (
            (("bot_aspp.0", "bot_aspp.1"), 256, 1280, 1),
            (("bot_fine.0", "bot_fine.1"), 48, 256, 1),
            (("final1.0", "final1.1"), 256, 304, 3),
            (("final1.3", "final1.4"), 256, 256, 3),
        ),
        "classifier": "final2.0",
    },
}


def random_state(layout, backbone):
    """Weights under which a hundred layers neither explode nor vanish; norms that do something."""
    generator = torch.Generator().manual_seed(0)
    state = {}
    for name, shape in shapes(layout, backbone).items():
        if name.endswith("num_batches_tracked"):
            state[name] = torch.tensor(1)
        elif len(shape) == 4:
            fan_in = shape[1] * shape[2] * shape[3]
            state[name] = torch.randn(shape, generator=generator) * (2 / fan_in) ** 0.5
        elif name.endswith("running_var"):
            state[name] = 0.5 + torch.rand(shape, generator=generator)
        elif name.endswith("weight"):
            gain = 0.2 if name.endswith("bn3.weight") else 1.0
            state[name] = gain * (0.8 + 0.4 * torch.rand(shape, generator=generator))
        else:
            state[name] = 0.1 * torch.randn(shape, generator=generator)
    return state


def logits(layout, backbone, state, image):
    """float32 [1, CLASSES, h, w] at stride 4, and c5."""

    def block(x, names, stride=1, dilation=1, active=True):
        weight = state[f"{names[0]}.weight"]
        padding = dilation * (weight.shape[2] // 2)
        x = F.conv2d(x, weight, None, stride, padding, dilation)
        parts = ("running_mean", "running_var", "weight", "bias")
        x = F.batch_norm(x, *(state[f"{names[1]}.{part}"] for part in parts))
        return F.relu(x) if active else x

    if layout == "vainf":
        x = block(image, ("backbone.conv1", "backbone.bn1"), stride=2)
        root = "backbone."
        # Output stride 16; the first block of a dilated stage has the dilation before.
        plan = ((1, 1, 1), (2, 1, 1), (2, 1, 1), (1, 1, 2))
        rates, corners = (6, 12, 18), False
    else:
        x = image
        for index in (0, 3, 6):
            stride = 2 if index == 0 else 1
            x = block(x, (f"layer0.{index}", f"layer0.{index + 1}"), stride)
        root = ""
        # Output stride 8; every block of a dilated stage is dilated.
        plan = ((1, 1, 1), (2, 1, 1), (1, 2, 2), (1, 4, 4))
        rates, corners = (12, 24, 36), True
    x = F.max_pool2d(x, 3, 2, 1)
    outputs = []
    for stage, (stride, first, later) in enumerate(plan):
        for number in range(DEPTHS[backbone][stage]):
            name = f"{root}layer{stage + 1}.{number}"
            step, dilation = (stride, first) if number == 0 else (1, later)
            y = block(x, (f"{name}.conv1", f"{name}.bn1"))
            y = block(y, (f"{name}.conv2", f"{name}.bn2"), step, dilation)
            y = block(y, (f"{name}.conv3", f"{name}.bn3"), active=False)
            if number == 0:
                names = (f"{name}.downsample.0", f"{name}.downsample.1")
                x = block(x, names, step, active=False)
            x = F.relu(x + y)
        outputs.append(x)
    low, c5 = outputs[0], outputs[3]
    names = NAMES[layout]
    branches = [
        block(c5, (f"{names['branches']}.{index}.0", f"{names['branches']}.{index}.1"), 1, rate)
        for index, rate in enumerate((1, *rates))
    ]
    mean = block(F.adaptive_avg_pool2d(c5, 1), names["mean"])
    mean = F.interpolate(mean, size=c5.shape[2:], mode="bilinear", align_corners=corners)
    parts = [*branches, mean] if layout == "vainf" else [mean, *branches]
    join, fine, *decoder = (entry[0] for entry in names["rest"])
    context = block(torch.cat(parts, dim=1), join)
    context = F.interpolate(context, size=low.shape[2:], mode="bilinear", align_corners=corners)
    x = torch.cat([block(low, fine), context], dim=1)
    for step in decoder:
        x = block(x, step)
    name = names["classifier"]
    return F.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"]), c5
