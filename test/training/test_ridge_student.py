"""The closed-form student against scikit-learn's ridge regression and a plain forward pass."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sklearn.linear_model import Ridge  # noqa: E402

from training.ridge_student import NormalEquations, RidgeStudent  # noqa: E402
from training.teachers.resnet import ResNet  # noqa: E402


def random_problem(frames: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(frames, 6, 4, 5, generator=generator) * 2 + 30
    y = torch.randn(frames, 4, 4, 5, generator=generator) + x[:, :4]
    return x, y


def rows(maps: torch.Tensor) -> np.ndarray:
    return maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1]).double().numpy()


@pytest.mark.parametrize("penalty", [1e-6, 0.3])
def test_solution_is_scikit_learns(penalty: float) -> None:
    x, y = random_problem()
    equations = NormalEquations(6, 4)
    for frame in range(len(x)):
        equations.add(x[frame : frame + 1], y[frame : frame + 1])
    weight, bias = equations.solve(penalty)
    # scikit-learn's penalty is on the sum over samples, not on the mean.
    alpha = penalty * rows(x).var(axis=0).mean() * len(rows(x))
    reference = Ridge(alpha=alpha).fit(rows(x), rows(y))
    # Results are float32; the bias is some 30 times as large as the weights.
    np.testing.assert_allclose(weight.numpy(), reference.coef_, atol=1e-6)
    np.testing.assert_allclose(bias.numpy(), reference.intercept_, atol=1e-4)


def test_nothing_to_fit_to_is_said() -> None:
    with pytest.raises(ValueError, match="no positions"):
        NormalEquations(2, 2).solve(0.1)


def test_layers_have_the_teachers_shapes_and_are_linear_in_the_features() -> None:
    torch.manual_seed(0)
    encoder = ResNet("resnet18", width=0.125)
    sizes = {"c4": (4, 6), "c5": (2, 3)}
    student = RidgeStudent(encoder, {"c4": 5, "c5": 7}, sizes).eval()
    x = torch.randn(2, 3, 64, 96)
    with torch.inference_mode():
        views, inputs = student(x), student.inputs(x)
    assert views["c4"].shape == (2, 5, 4, 6)
    assert views["c5"].shape == (2, 7, 2, 3)
    for layer, values in inputs.items():
        weight = student.maps[layer].weight[:, :, 0, 0].double()
        wanted = torch.einsum("cd,ndhw->nchw", weight, values.double())
        wanted = wanted + student.maps[layer].bias.double()[:, None, None]
        np.testing.assert_allclose(views[layer].double(), wanted.detach(), rtol=1e-4, atol=1e-5)


def test_backbone_stays_frozen_in_training_mode_too() -> None:
    student = RidgeStudent(ResNet("resnet18", width=0.125), {"c4": 5}, {"c4": (4, 6)})
    assert not any(p.requires_grad for p in student.encoder.parameters())
