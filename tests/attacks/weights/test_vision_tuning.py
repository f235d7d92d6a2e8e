import pytest
import torch

from sif.attacks.weights.attack import Progress
from sif.attacks.weights.labelled import Labelled
from sif.attacks.weights.schedule import Training
from sif.attacks.weights.vision_distillation import distil, fresh_like
from sif.attacks.weights.vision_tuning import FieldHead, predictions, tune_vision
from sif.errors import ModelError, UsageError
from sif.marks.vision_model import VisionModel
from tests.attacks.weights.vision_folders import halves
from tests.marks.towers import make

SETTINGS = Training(steps=40, learning_rate=3e-3, batch_size=16, warm_up=0.0)


@pytest.fixture
def vision() -> VisionModel:
    return VisionModel.wrap(*make("dinov2"))


def weights(vision: VisionModel) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in vision.module.state_dict().items()}


@pytest.mark.parametrize("fields", [False, True])
def test_a_tuned_model_has_learnt_its_task_with_all_layers(
    vision: VisionModel, fields: bool
) -> None:
    before, data = weights(vision), halves(64, fields=fields)
    head = tune_vision(vision, data, SETTINGS, classes=2)
    said = predictions(vision, head, data)
    assert said.shape == data.labels.shape
    assert (said == data.labels).float().mean() > 0.9
    moved = {
        name for name, value in weights(vision).items() if not torch.equal(value, before[name])
    }
    matrices = {name for name, value in before.items() if "weight" in name and value.dim() >= 2}
    assert len(matrices) > 15
    assert matrices <= moved
    assert not any(parameter.requires_grad for parameter in vision.module.parameters())


def test_the_seed_alone_decides_the_tuning() -> None:
    first, second = (VisionModel.wrap(*make("clip")) for _ in range(2))
    for vision in (first, second):
        torch.rand(5)
        tune_vision(vision, halves(16), Training(steps=3, batch_size=8), classes=2)
    assert all(torch.equal(v, weights(second)[n]) for n, v in weights(first).items())


@pytest.mark.parametrize("pace", ["constant", "linear", "cosine"])
def test_every_schedule_runs_to_its_end(vision: VisionModel, pace: str) -> None:
    told: list[Progress] = []
    settings = Training(steps=4, batch_size=8, pace=pace)
    tune_vision(vision, halves(16), settings, classes=2, report=told.append)
    assert [(p.step, p.steps) for p in told] == [(n, 4) for n in (1, 2, 3, 4)]


def test_no_pictures_are_refused(vision: VisionModel) -> None:
    nothing = Labelled(images=[], labels=torch.zeros(0, dtype=torch.long))
    with pytest.raises(UsageError, match="at least one labelled picture"):
        tune_vision(vision, nothing, SETTINGS, classes=2)


def test_a_grid_that_does_not_fit_the_patches_is_refused() -> None:
    with pytest.raises(UsageError, match="multiple of 4"):
        FieldHead(8, 2, side=4, grid=10)


def test_a_rate_that_explodes_is_a_clear_error(vision: VisionModel) -> None:
    with pytest.raises(ModelError, match="lower the learning rate"):
        tune_vision(
            vision,
            halves(32),
            Training(steps=60, batch_size=8, learning_rate=1e30, pace="constant", clip=1e30),
            classes=2,
        )


def test_a_student_shares_no_weights_and_comes_to_resemble_its_teacher(
    vision: VisionModel,
) -> None:
    student, images = fresh_like(vision, seed=4), list(halves(48).images)
    ours, fresh = weights(vision), weights(student)
    matrices = [name for name, value in ours.items() if value.dim() >= 2 and value.std() > 0]
    assert all(not torch.equal(ours[name], fresh[name]) for name in matrices)

    def distance() -> float:
        return float((student.features(images) - vision.features(images)).square().mean())

    before = distance()
    distil(vision, student, images, Training(steps=60, learning_rate=3e-3, batch_size=16))
    assert distance() < 0.5 * before
    assert all(torch.equal(value, ours[name]) for name, value in weights(vision).items())
