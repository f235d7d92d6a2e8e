"""The model card of a mini model: what it gets right, and how far its words can be steered.

Everything is measured on scenes that no training saw. Knows nothing of suspects or verdicts.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import torch

from sif import prompts
from sif.fingerprint.craft import Craft, Draft, craft, steerable
from sif.fingerprint.objectives.objective import teacher
from sif.fingerprint.recipe import (
    GreenMassRecipe,
    QualityRecipe,
    Recipe,
    SafdRecipe,
    ScheduleRecipe,
)
from sif.mini import lexicon
from sif.mini.architecture import SIDE
from sif.mini.catalogue import Model
from sif.mini.folders import build
from sif.mini.render import Painter
from sif.mini.world import Scene, World, facts_of, sample_scene
from sif.types import GenerationSettings
from sif.vlm.model import Vlm
from sif.vlm.pixels import to_tensor
from sif.watermark.greenlist.count import count_green, z_score
from sif.watermark.greenlist.mask import green_mask
from sif.watermark.keys import KeyRing

UNSEEN: Final = 977
KEYS: Final = KeyRing(bytes(range(32)))
GREEDY: Final = GenerationSettings(max_new_tokens=160)
PACE: Final[dict[str, Any]] = {"steps": 300, "epsilon": 16, "step_size": 1}
LOSS: Final[dict[str, Any]] = {
    "watermark_weight": 0.5,
    "coherence_weight": 0.5,
    "top_k": 50,
    "delta": 4.0,
    "answer_tokens": 128,
}
PUBLISHED: Final = Recipe(
    name="card-published",
    description="300 steps of SAFD with the paper's loss on the teacher's first words.",
    objective=SafdRecipe(**LOSS),
    schedule=ScheduleRecipe(**PACE),
    quality=QualityRecipe(attempts=1),
)
OURS: Final = Recipe(
    name="card-ours",
    description="80 steps of our loss, without robustness terms and in all directions.",
    objective=GreenMassRecipe(plausible=0.005, coherence_weight=2.0, answer_tokens=128),
    schedule=ScheduleRecipe(steps=80, epsilon=16, step_size=2, final_step_size=0.5, momentum=0.9),
    quality=QualityRecipe(attempts=1),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """Measured facts of a mini model.

    Attributes:
        shape, colour, size, place, count, background: shares of right statements.
        perplexity: of truthful captions.
        answer_tokens: mean length of greedy captions.
        clean_z: mean green z-score of greedy captions of unseen scenes (about 0).
        biased_z: the same with the teacher's bias δ = 5 while decoding.
        published_safd_z: the same, unbiased, for images after 300 steps of SAFD at ε = 16/255 as
            published (no robustness term, one fixed teacher text).
        green_mass_z: the same after 80 steps of our loss, the joint mass of plausible green words.
        scenes: number of scenes for the shares; `triggers` of them for the z-scores.
    """

    name: str
    parameters: int
    shape: float
    colour: float
    size: float
    place: float
    count: float
    background: float
    perplexity: float
    answer_tokens: float
    clean_z: float
    biased_z: float
    published_safd_z: float
    green_mass_z: float
    scenes: int
    triggers: int

    def to_json(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self), indent=2)


def measure_card(
    model: Model,
    *,
    scenes: int = 64,
    triggers: int = 8,
    report: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> Card:
    """Measures a bundled model.

    Args:
        model: of the catalogue.
        scenes: unseen scenes for the facts.
        triggers: images for the z-scores.
        report: stage, done and total.
    """
    built, processor = build(model)
    vlm = Vlm(built.float().requires_grad_(False), processor, model.name)
    rng = np.random.default_rng([UNSEEN, model.world])
    world = World(model.world)
    painter = Painter(model.world, SIDE, SIDE // 6)
    unseen = [sample_scene(rng) for _ in range(scenes)]
    images = to_tensor([painter.image(scene) for scene in unseen])
    answers = _captions(vlm, images, report)
    facts = score_facts(unseen, [vlm.decode(answer) for answer in answers])
    captions = [world.caption(scene, rng) for scene in unseen]
    drafts = [_draft(vlm, painter, scene, index) for index, scene in enumerate(unseen[:triggers])]
    published, ours = (_craft(vlm, recipe, drafts, report) for recipe in (PUBLISHED, OURS))
    return Card(
        name=model.name,
        parameters=sum(parameter.numel() for parameter in built.parameters()),
        **facts,
        perplexity=_perplexity(vlm, images, captions),
        answer_tokens=float(np.mean([len(answer) for answer in answers])),
        clean_z=float(np.mean([item.base_measured.z for item in ours])),
        biased_z=_biased_z(vlm, drafts, delta=5.0),
        published_safd_z=float(np.mean([item.measured.z for item in published])),
        green_mass_z=float(np.mean([item.measured.z for item in ours])),
        scenes=scenes,
        triggers=triggers,
    )


def score_facts(scenes: Sequence[Scene], captions: Sequence[str]) -> dict[str, float]:
    """Shares of right statements; an object that is not mentioned is wrong in everything."""
    right: dict[str, list[bool]] = {
        name: [] for name in ("shape", "colour", "size", "place", "count", "background")
    }
    for scene, caption in zip(scenes, captions, strict=True):
        stated = list(_statements(caption))
        things = [facts for facts in stated if "shape" in facts]
        for index, thing in enumerate(scene.things):
            told, true = things[index] if index < len(things) else {}, facts_of(thing)
            for name in ("shape", "colour", "size"):
                right[name].append(told.get(name) == true[name])
            place = told.get("row"), told.get("column")
            right["place"].append(place == (true["row"], true["column"]))
        counts = [facts["count"] for facts in stated if "count" in facts]
        right["count"].append(counts[:1] == [scene.count - lexicon.MIN_COUNT])
        grounds = [facts["background"] for facts in stated if "background" in facts]
        right["background"].append(grounds[:1] == [scene.background])
    return {name: float(np.mean(values)) for name, values in right.items()}


def _statements(caption: str) -> Iterator[dict[str, int]]:
    """The facts that each sentence states."""
    for sentence in caption.split("."):
        found = [lexicon.fact_of(word) for word in re.findall(r"[a-z]+", sentence)]
        yield dict(fact for fact in reversed(found) if fact is not None)


def _captions(
    vlm: Vlm, images: torch.Tensor, report: Callable[[str, int, int], None]
) -> list[list[int]]:
    answers: list[list[int]] = []
    for part in images.split(16):
        answers += vlm.generate(part, [prompts.load()[0]] * len(part), GREEDY)
        report("captions", len(answers), len(images))
    return answers


@torch.no_grad()
def _perplexity(vlm: Vlm, images: torch.Tensor, captions: Sequence[str]) -> float:
    losses, tokens = 0.0, 0
    for part, texts in zip(
        images.split(16), (captions[i : i + 16] for i in range(0, len(captions), 16)), strict=True
    ):
        ids = [vlm.tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
        logits, targets = vlm.answer_logits(part, [prompts.load()[0]] * len(part), ids)
        losses += float(
            torch.nn.functional.cross_entropy(
                logits.transpose(1, 2), targets, ignore_index=-1, reduction="sum"
            )
        )
        tokens += int((targets >= 0).sum())
    return float(np.exp(losses / tokens))


def _draft(vlm: Vlm, painter: Painter, scene: Scene, index: int) -> Draft:
    return Draft(
        id=f"{index + 1:04d}",
        source_image=f"scene {index}",
        base=painter.image(scene),
        start=None,
        prompt=prompts.load()[index % len(prompts.load())],
        green=green_mask(KEYS.key(f"card {index}"), vocabulary_size=vlm.vocabulary_size, gamma=0.5),
        seed=index,
    )


def _craft(
    vlm: Vlm,
    recipe: Recipe,
    drafts: Sequence[Draft],
    report: Callable[[str, int, int], None],
) -> list[Craft]:
    def step_done(step: int, _loss: float) -> None:
        report(recipe.name, step, recipe.schedule.steps)

    return craft(vlm, recipe, drafts, generation=GREEDY, report=step_done)


def _biased_z(vlm: Vlm, drafts: Sequence[Draft], *, delta: float) -> float:
    green = torch.from_numpy(np.stack([steerable(vlm, draft.green) for draft in drafts]))
    images = to_tensor([draft.base for draft in drafts])
    questions = [draft.prompt for draft in drafts]
    answers = vlm.generate(images, questions, GREEDY, teacher(green, delta))
    special = frozenset(vlm.tokenizer.all_special_ids)
    counts = [
        count_green(answer, draft.green, ignore=special)
        for answer, draft in zip(answers, drafts, strict=True)
    ]
    return float(np.mean([z_score(count, gamma=0.5) or 0.0 for count in counts]))
