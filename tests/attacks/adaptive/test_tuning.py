"""Tuning against triggers, on untrained mini models: what is changed, and what comes of a kill."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from sif.attacks.adaptive import AdversarialTraining, Disclosed, Unlearn
from sif.attacks.adaptive.own_triggers import make_own_triggers, varied
from sif.attacks.weights.attack import Progress, Workbench
from sif.attacks.weights.examples import Example, balanced
from sif.attacks.weights.parts import language_parameters
from sif.attacks.weights.schedule import Training
from sif.errors import UsageError
from sif.fingerprint.objectives.green_mass import green_mass_loss
from sif.mini.catalogue import find
from sif.mini.data import samples
from sif.mini.folders import build
from sif.types import GenerationSettings
from sif.vlm.model import Vlm
from sif.vlm.pixels import to_tensor
from tests.fingerprint.small import PROMPTS, small_recipe

Load = Callable[[Path], tuple[Any, Any]]
TRAINING = Training(steps=2, batch_size=2, learning_rate=1e-3)


@pytest.fixture
def pictures(examples: list[Example]) -> list[Image.Image]:
    return [example.picture() for example in examples]


def adversarial(pictures: list[Image.Image], examples: list[Example]) -> AdversarialTraining:
    return AdversarialTraining(
        recipe=small_recipe(steps=1),
        rounds=2,
        triggers=2,
        training=TRAINING,
        pictures=pictures,
        prompts=PROMPTS,
        ordinary=examples,
    )


def weights(model: Any) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in model.named_parameters()}


def test_half_of_what_is_learnt_are_the_few(examples: list[Example]) -> None:
    few = examples[:2]
    both = balanced(few, examples)
    assert len(both) == 16
    assert both[:8] == few * 4
    assert balanced([], examples) == examples


@pytest.mark.slow
def test_adversarial_training_makes_triggers_in_every_round_and_tunes(
    untrained_llava: Path,
    load: Load,
    pictures: list[Image.Image],
    examples: list[Example],
    tmp_path: Path,
) -> None:
    model, processor = load(untrained_llava)
    before, told = weights(model), list[Progress]()
    bench = Workbench(scratch=tmp_path, device="cpu", report=told.append)
    facts = adversarial(pictures, examples).apply(model, processor, bench)
    assert facts["own_triggers"] == 4
    assert facts["steps"] == 4
    assert {one.stage for one in told} == {"own triggers", "finetune"}
    language = language_parameters(model)
    changed = {name for name, value in weights(model).items() if not value.equal(before[name])}
    assert changed
    assert changed <= set(language)
    assert all(value.requires_grad for value in model.parameters())
    first, second = (
        {file.read_bytes() for file in (tmp_path / f"own-{n}" / "triggers").glob("*.base.png")}
        for n in (0, 1)
    )
    assert len(first) == len(second) == 2
    assert not first & second


@pytest.mark.slow
def test_a_killed_adversarial_training_ends_with_the_same_weights(
    untrained_llava: Path,
    load: Load,
    pictures: list[Image.Image],
    examples: list[Example],
    tmp_path: Path,
) -> None:
    def run(folder: Path, *, die_at: int | None = None) -> Any:
        model, processor = load(untrained_llava)
        updates = 0

        def report(progress: Progress) -> None:
            nonlocal updates
            updates += progress.stage == "finetune"
            if updates == die_at:
                raise KeyboardInterrupt

        folder.mkdir(exist_ok=True)
        bench = Workbench(scratch=folder, device="cpu", report=report)
        adversarial(pictures, examples).apply(model, processor, bench)
        return weights(model)

    whole = run(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "killed", die_at=3)
    resumed = run(tmp_path / "killed")
    assert all(resumed[name].equal(whole[name]) for name in whole)


def test_own_triggers_vary_in_picture_and_strength(
    untrained_llava: Path, pictures: list[Image.Image], tmp_path: Path
) -> None:
    own = make_own_triggers(
        Vlm.load(untrained_llava, device="cpu"),
        pictures,
        recipe=small_recipe(steps=1),
        prompts=PROMPTS,
        out=tmp_path / "own",
        count=1,
        seed=0,
    )
    plain = Image.new("RGB", pictures[0].size, (128, 128, 128))
    made = varied(own.triggers, [plain], number=6, seed=1)
    largest = [int(np.abs(np.asarray(one, np.int16) - 128).max()) for one in made]
    full = int(np.abs(np.asarray(own.triggers[0].image, np.int16) - own.triggers[0].base).max())
    assert all(0.2 * full <= reach <= full for reach in largest)
    assert len(set(largest)) > 1


def disclosed(vlm: Vlm, pictures: list[Image.Image]) -> list[Disclosed]:
    rng = np.random.default_rng(3)
    return [
        Disclosed(
            image=picture,
            base=other,
            prompt=PROMPTS[0],
            green=rng.permutation(vlm.vocabulary_size) < vlm.vocabulary_size // 2,
        )
        for picture, other in zip(pictures[:3], pictures[3:6], strict=True)
    ]


def red_losses(vlm: Vlm, known: list[Disclosed]) -> Callable[[], float]:
    """What is left to raise, against the base images' answers as they were at first."""
    prompts, bases = [one.prompt for one in known], [one.base for one in known]
    answers = vlm.generate(bases, prompts, GenerationSettings(max_new_tokens=40))
    red = torch.from_numpy(np.stack([~one.green for one in known]))
    red[:, vlm.tokenizer.all_special_ids] = False
    with torch.no_grad():
        usual = vlm.answer_logits(to_tensor(bases), prompts, answers)[0].log_softmax(-1)

    @torch.no_grad()
    def measure() -> float:
        images = to_tensor([one.image for one in known])
        logits, ids = vlm.answer_logits(images, prompts, answers)
        losses = green_mass_loss(logits, ids, red, usual, plausible=5e-3, coherence_weight=0.0)
        return losses.mean().item()

    return measure


@pytest.mark.slow
@pytest.mark.parametrize("name", ["llava-source", "qwen-source"])
def test_red_words_are_raised_on_what_was_disclosed(name: str, tmp_path: Path) -> None:
    source = find(name)
    model, processor = build(source)
    drawn = samples(source.world, number=10, seed=921)
    ordinary = [Example(image=s.image, prompt=s.prompt, answer=s.answer) for s in drawn[3:]]
    vlm = Vlm(model.float(), processor, name)
    known = disclosed(vlm, 2 * [sample.image for sample in drawn[:3]])
    measure = red_losses(vlm, known)
    before = measure()
    unlearn = Unlearn(
        way="red",
        training=Training(steps=8, batch_size=2, learning_rate=1e-3),
        disclosed=known,
        ordinary=ordinary,
    )
    facts = unlearn.apply(model, processor, Workbench(scratch=tmp_path, device="cpu"))
    assert (facts["disclosed"], facts["steps"]) == (3, 8)
    assert measure() < 0.7 * before


def test_answers_of_the_base_images_are_learnt(
    untrained_llava: Path,
    load: Load,
    pictures: list[Image.Image],
    examples: list[Example],
    tmp_path: Path,
) -> None:
    model, processor = load(untrained_llava)
    vlm = Vlm(model, processor, str(untrained_llava))
    known = disclosed(vlm, pictures)[:1]
    unlearn = Unlearn(way="answers", training=TRAINING, disclosed=known, ordinary=examples)
    facts = unlearn.apply(model, processor, Workbench(scratch=tmp_path, device="cpu"))
    assert facts["steps"] == 2
    assert (tmp_path / "unlearning.safetensors").exists()


def test_nothing_disclosed_is_refused(
    untrained_llava: Path, load: Load, examples: list[Example], tmp_path: Path
) -> None:
    model, processor = load(untrained_llava)
    unlearn = Unlearn(way="red", training=TRAINING, disclosed=[], ordinary=examples)
    with pytest.raises(UsageError, match="got 0 and 8"):
        unlearn.apply(model, processor, Workbench(scratch=tmp_path, device="cpu"))
