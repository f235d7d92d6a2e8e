"""Models over several GPUs: which parts go where, and that nothing comes out otherwise.

What runs on two places here runs on two devices that refuse each other's tensors
(`tests.vlm.two_places`), through accelerate's own hooks; memory and numbers of GPUs are made up.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import dispatch_model
from PIL import Image

from sif.errors import UsageError
from sif.fingerprint.craft import build_objective, build_terms
from sif.fingerprint.memory import Fitting, craft_fitting
from sif.fingerprint.objectives.objective import Batch
from sif.fingerprint.optimize import wrapped
from sif.fingerprint.recipe import Recipe
from sif.fingerprint.robustness.term import Gradient
from sif.suspects.transformers_suspect import TransformersSuspect
from sif.suspects.uri import SuspectAddress
from sif.types import Answer, GenerationSettings, Query
from sif.vlm import activation_functions, placement, worn
from sif.vlm.model import Vlm
from sif.vlm.placement import device_map, devices_of, spread
from tests.fingerprint.narrow import GENERATION, drafts_of
from tests.fingerprint.small import small_recipe
from tests.vlm.two_places import PLACES, two_places

GPUS = [torch.device("cuda", number) for number in range(2)]
OBJECTIVES: dict[str, Any] = {
    "safd": small_recipe().objective.model_dump(),
    "green_mass": {"kind": "green_mass", "answer_tokens": 6},
}
TERMS = {
    "safd": ("text_embedding_noise", "simulated_copies"),
    "green_mass": ("weight_noise", "parameter_ascent", "representation_noise"),
}
FIELDS: dict[str, dict[str, Any]] = {
    "simulated_copies": {"plain": 0.0},
    "representation_noise": {"radius": 0.5},
}


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> dict[int, int]:
    """Two GPUs, whose free bytes may be set."""
    free = {0: 2**34, 1: 2**34}
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(free))
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda it: (free[torch.device(it).index], 0))
    return free


def test_names_of_devices(two_gpus: dict[int, int]) -> None:
    assert devices_of("auto") == devices_of("cuda:0,cuda:1") == GPUS
    assert devices_of("cuda") == [torch.device("cuda")]
    assert devices_of("cpu") == [torch.device("cpu")]
    for wanted, words in (
        ("gpu", "several with commas"),
        ("cuda,cuda:1", "several with commas"),
        ("cuda:0,cpu", "several with commas"),
        ("cuda:1,cuda:1", "each GPU once"),
        ("cuda:0,cuda:2", "cuda:2 of 2 GPUs"),
    ):
        with pytest.raises(UsageError, match=words):
            devices_of(wanted)
    del two_gpus[1]
    assert devices_of("auto") == [torch.device("cuda")]
    two_gpus.clear()
    assert devices_of("auto") == [torch.device("cpu")]


def test_one_gpu_where_it_fits_and_all_of_them_where_none_does(
    untrained_llava: Path, two_gpus: dict[int, int]
) -> None:
    def placed(wanted: str = "auto", **changes: Any) -> dict[str, Any]:
        return device_map(untrained_llava, wanted, dtype=torch.float32, **changes)

    assert placed() == {"": torch.device("cuda")}
    two_gpus[0] = 0
    assert placed() == {"": torch.device("cuda:1")}
    model = placement._built(untrained_llava, None)
    weights = sum(it.nbytes for it in model.parameters())
    room = placement.step_room(model)
    two_gpus |= dict.fromkeys((0, 1), int((0.8 * weights + room) / placement.USED))
    found = placed()
    assert set(found.values()) == {0, 1}
    assert "" not in found
    assert placed(quantize="nf4") == {"": torch.device("cuda")}
    two_gpus |= dict.fromkeys((0, 1), int((0.4 * weights + room) / placement.USED))
    with pytest.raises(UsageError, match=r"expected GPUs with room for .* GiB .* --device cpu"):
        placed()
    two_gpus |= dict.fromkeys((0, 1), 2**34)
    named = placed("cuda:0,cuda:1")
    assert set(named.values()) == {0, 1}
    sizes = dict.fromkeys((0, 1), 0)
    for name, it in model.named_parameters():
        sizes[next(named[key] for key in named if name.startswith(key))] += it.nbytes
    assert min(sizes.values()) > weights / 4


def test_the_fake_refuses_what_a_gpu_refuses() -> None:
    with two_places():
        one, other = (torch.ones(2, device=place) for place in PLACES)
        for stranger in (other, torch.ones(2)):
            with pytest.raises(RuntimeError, match="same device"):
                one + stranger
        assert (one + other.to(PLACES[0])).tolist() == [2, 2]


def halves(folder: Path) -> dict[str, torch.device]:
    """A place for every part, as for two GPUs that take nine tenths of the model each."""
    model = placement._built(folder, None)
    room = int(0.9 * sum(it.nbytes for it in model.parameters()))
    found = spread(model, dict.fromkeys(GPUS, room), torch.float32)
    return {name: PLACES[int(number)] for name, number in found.items()}


# Where a worn layer and an activation function are the first of their place.
WITHIN_PROJECTOR = {
    "model.vision_tower": PLACES[0],
    "model.multi_modal_projector.linear_1": PLACES[0],
    "model.multi_modal_projector.act": PLACES[1],
    "model.multi_modal_projector.linear_2": PLACES[0],
    "model.language_model": PLACES[1],
    "lm_head": PLACES[1],
}


def gradients(vlm: Vlm, objective: str) -> list[Gradient]:
    """Of two steps, with all that has to do with places around the loss."""
    kinds = [{"kind": kind} | FIELDS.get(kind, {}) for kind in TERMS[objective]]
    fields = small_recipe().model_dump(mode="json") | {"robustness": kinds}
    recipe = Recipe.model_validate(fields | {"objective": OBJECTIVES[objective]})
    aim, found, targets = build_objective(recipe.objective), [], None
    terms = build_terms(recipe, checkpointing=objective == "green_mass")
    batch = Batch(
        base=torch.rand(2, 3, 72, 72, generator=torch.Generator().manual_seed(1)).to(vlm.device),
        prompts=("What is it?", "And what do you see here?"),
        green=(torch.arange(2 * vlm.vocabulary_size).view(2, -1) % 3 == 0).to(vlm.device),
        seeds=(3, 4),
    )
    for step in range(2):
        targets = aim.targets(vlm, batch, batch.base, step, targets)
        found.append(wrapped(vlm, batch, aim, terms, targets, step)(batch.base))
    return found


@pytest.mark.parametrize(
    ("family", "objective", "kept", "parts"),
    [
        ("untrained_llava", "safd", 2**30, None),
        ("untrained_llava", "green_mass", 0, WITHIN_PROJECTOR),
        ("untrained_qwen", "safd", 0, None),
    ],
)
def test_gradients_over_two_devices_are_those_on_one(
    family: str,
    objective: str,
    kept: int,
    parts: dict[str, torch.device] | None,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = request.getfixturevalue(family)
    monkeypatch.setattr(worn, "KEPT", kept)
    monkeypatch.setattr(activation_functions, "LARGE", 0)
    whole, two = (Vlm.load(folder, device="cpu") for _ in range(2))
    wanted = gradients(whole, objective)
    with two_places():
        dispatch_model(two.model, parts or halves(folder))
        assert list(two.devices) == PLACES
        found = gradients(two, objective)
        for one, other in zip(found, wanted, strict=True):
            # Where tensors lie may change the order of a sum, and with it the last bit.
            torch.testing.assert_close(one.loss.to("cpu"), other.loss, rtol=1e-5, atol=0)
            steepest = float(other.images.abs().max())
            assert steepest > 0
            torch.testing.assert_close(
                one.images.to("cpu"), other.images, rtol=0, atol=1e-4 * steepest
            )


def test_triggers_over_two_devices_are_those_on_one(untrained_llava: Path) -> None:
    def made(vlm: Vlm) -> list[Any]:
        parts = craft_fitting(
            vlm,
            small_recipe(steps=2),
            drafts_of(vlm)[:2],
            fitting=Fitting("auto", None),
            generation=GENERATION,
            report=lambda working, step, loss: None,
        )
        return [np.asarray(one.image) for some in parts for one in some]

    whole, two = (Vlm.load(untrained_llava, device="cpu") for _ in range(2))
    wanted = made(whole)
    with two_places():
        dispatch_model(two.model, halves(untrained_llava))
        for one, other in zip(made(two), wanted, strict=True):
            assert (one == other).all()


@pytest.mark.parametrize("family", ["untrained_llava", "untrained_qwen"])
def test_a_suspect_over_two_devices_answers_as_on_one(
    family: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = request.getfixturevalue(family)
    # Tensors of inference have no version, which the fake cannot pass on.
    monkeypatch.setattr(torch, "inference_mode", torch.no_grad)
    questions = [
        Query(
            trigger=f"{number}",
            image=Image.new("RGB", (72 + 28 * number, 72), colour),
            prompt="What is it?" + " And what else?" * number,
            generation=GenerationSettings(max_new_tokens=5, temperature=heat, seed=1),
        )
        for number, (colour, heat) in enumerate([("red", 0.0), ("blue", 0.0), ("red", 1.0)])
    ]

    def answers(suspect: TransformersSuspect) -> list[Any]:
        replies = suspect.ask(questions)
        assert all(isinstance(reply, Answer) for reply in replies), replies
        return [(it.text, it.top, it.finish_reason) for it in replies if isinstance(it, Answer)]

    whole, two = (
        TransformersSuspect(SuspectAddress.parse(f"hf:{folder}?device=cpu&logprobs=2"))
        for _ in range(2)
    )
    wanted = answers(whole)
    assert len({text for text, _, _ in wanted}) > 1
    with two_places():
        dispatch_model(two.model, halves(folder))
        assert list(placement.places(two.model)) == PLACES
        assert answers(two) == wanted
