"""One attempt at a batch of triggers: build the method from its recipe, optimise, measure.

Knows nothing of folders, other attempts or the secret beyond the green masks it is given.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Bool
from PIL import Image
from torch import Tensor

from sif.fingerprint.content import ContentSpace
from sif.fingerprint.objectives.green_mass import GreenMass
from sif.fingerprint.objectives.keyed_target import KeyedTarget
from sif.fingerprint.objectives.objective import Batch, Objective
from sif.fingerprint.objectives.safd import Safd
from sif.fingerprint.objectives.target_answer import TargetAnswer
from sif.fingerprint.optimize import Schedule, optimise
from sif.fingerprint.recipe import (
    GreenMassRecipe,
    ImageTransformsRecipe,
    InputDiversityRecipe,
    KeyedTargetRecipe,
    ObjectiveRecipe,
    ParameterAscentRecipe,
    QualityRecipe,
    Recipe,
    RepresentationNoiseRecipe,
    ResistingAuxiliaryRecipe,
    Robustness,
    SafdRecipe,
    SimulatedCopiesRecipe,
    TargetAnswerRecipe,
    TextEmbeddingNoiseRecipe,
    WeightNoiseRecipe,
)
from sif.fingerprint.robustness.checkpointing import Checkpointing
from sif.fingerprint.robustness.image_transforms import ImageTransforms
from sif.fingerprint.robustness.input_diversity import InputDiversity
from sif.fingerprint.robustness.parameter_ascent import ParameterAscent
from sif.fingerprint.robustness.representation_noise import RepresentationNoise
from sif.fingerprint.robustness.resisting_auxiliary import ResistingAuxiliary
from sif.fingerprint.robustness.simulated_copies import SimulatedCopies
from sif.fingerprint.robustness.term import Term
from sif.fingerprint.robustness.text_embedding_noise import TextEmbeddingNoise
from sif.fingerprint.robustness.weight_noise import WeightNoise
from sif.types import GenerationSettings
from sif.vlm.encoding import Pictures
from sif.vlm.model import Vlm
from sif.vlm.out_of_memory import in_halves
from sif.vlm.pixels import to_images, to_tensor
from sif.watermark.greenlist.count import GreenCount, count_green, z_score


@dataclass(frozen=True, eq=False, kw_only=True)
class Draft:
    """A trigger to be made.

    Args:
        id: of the trigger.
        source_image: where the base image came from.
        base: at the model's native extent.
        start: a picture within the budget to go on from; the base where None.
        prompt: plain words.
        green: the key's green ids.
        seed: of everything random in making it.
    """

    id: str
    source_image: str
    base: Image.Image
    start: Image.Image | None
    prompt: str
    green: Bool[np.ndarray, " vocab"] = field(repr=False)
    seed: int


@dataclass(frozen=True, eq=False, kw_only=True)
class Measurement:
    """What the source model answers to a picture, greedily and through its ordinary pipeline."""

    count: GreenCount
    z: float
    answer_tokens: int


@dataclass(frozen=True, eq=False, kw_only=True)
class Craft:
    """A trigger as one attempt left it."""

    draft: Draft
    image: Image.Image
    measured: Measurement
    base_measured: Measurement

    def is_weak(self, quality: QualityRecipe) -> bool:
        """Whether the signal or the answer's length stays under the recipe's minimum."""
        short = self.measured.answer_tokens < quality.minimum_answer_tokens
        return short or self.measured.z < quality.minimum_z

    @property
    def largest_change(self) -> int:
        """‖x' − x‖∞ in units of 1/255."""
        pictures = [np.asarray(p, np.int16) for p in (self.image, self.draft.base)]
        return int(np.abs(pictures[0] - pictures[1]).max())


def craft(
    vlm: Vlm,
    recipe: Recipe,
    drafts: Sequence[Draft],
    *,
    generation: GenerationSettings,
    report: Callable[[int, float], None],
    content: ContentSpace | None = None,
    checkpointing: bool = False,
    shared_seed: int | None = None,
) -> list[Craft]:
    """Optimises drafts of one extent together, and measures what came of each.

    Args:
        vlm: the owner's model.
        recipe: how triggers are made.
        drafts: with base images of one extent.
        generation: settings of the measured answers.
        report: called after every step with its number and the mean loss.
        content: what ordinary pictures hold, where the recipe keeps out of it.
        checkpointing: whether activations are computed again instead of being kept.
        shared_seed: of what triggers share; the first draft's where None.
    """
    green = torch.from_numpy(np.stack([steerable(vlm, draft.green) for draft in drafts]))
    batch = Batch(
        base=to_tensor([draft.base for draft in drafts]).to(vlm.device),
        prompts=tuple(draft.prompt for draft in drafts),
        green=green.to(vlm.device),
        seeds=tuple(draft.seed for draft in drafts),
        shared_seed=shared_seed,
    )

    def signal(images: Tensor) -> Tensor:
        return torch.tensor([m.z for m in measure(vlm, drafts, images, generation)])

    images = optimise(
        vlm,
        batch,
        objective=build_objective(recipe.objective),
        terms=build_terms(recipe, checkpointing=checkpointing),
        schedule=build_schedule(recipe, tile=vlm.patch_size, content=content),
        measure=signal,
        report=report,
        start=to_tensor([draft.start or draft.base for draft in drafts]).to(vlm.device),
    )
    pictures = to_images(images)
    after = measure(vlm, drafts, pictures, generation)
    before = measure(vlm, drafts, [draft.base for draft in drafts], generation)
    return [
        Craft(draft=draft, image=picture, measured=measured, base_measured=base)
        for draft, picture, measured, base in zip(drafts, pictures, after, before, strict=True)
    ]


def steerable(vlm: Vlm, green: Bool[np.ndarray, " vocab"]) -> Bool[np.ndarray, " vocab"]:
    """The green ids that the teacher favours: not the special ones, which would end answers."""
    mask = green.copy()
    mask[[index for index in vlm.tokenizer.all_special_ids if index < len(mask)]] = False
    return mask


def measure(
    vlm: Vlm, drafts: Sequence[Draft], images: Pictures, generation: GenerationSettings
) -> list[Measurement]:
    """Green counts of the source's own answers, tokenised again as any suspect's would be."""

    def answered(some: Sequence[int]) -> list[list[int]]:
        seen, prompts = images[some[0] : some[-1] + 1], [drafts[i].prompt for i in some]
        return vlm.generate(seen, prompts, generation)

    answers = in_halves(answered, range(len(drafts)), what="answers measured")
    special = frozenset(vlm.tokenizer.all_special_ids)
    measurements = []
    for draft, answer in zip(drafts, answers, strict=True):
        ids = vlm.tokenizer(vlm.decode(answer), add_special_tokens=False)["input_ids"]
        count = count_green(ids, draft.green, ignore=special)
        gamma = float(draft.green.mean())
        z = z_score(count, gamma=gamma) or 0.0
        measurements.append(Measurement(count=count, z=z, answer_tokens=len(answer)))
    return measurements


def build_objective(recipe: ObjectiveRecipe) -> Objective:
    """The objective that a recipe names."""
    fields = recipe.model_dump(exclude={"kind"})
    match recipe:
        case SafdRecipe():
            return Safd(**fields)
        case GreenMassRecipe():
            return GreenMass(**fields)
        case TargetAnswerRecipe():
            return TargetAnswer(**fields)
        case KeyedTargetRecipe():
            return KeyedTarget(**{name: fields[name] for name in fields if name != "answers"})


def build_terms(recipe: Recipe, *, checkpointing: bool = False) -> list[Term]:
    """All robustness terms of a recipe, outermost first."""
    terms = [build_term(term) for term in recipe.robustness]
    return [Checkpointing(), *terms] if checkpointing else terms


def build_term(recipe: Robustness) -> Term:
    """The robustness term that a recipe names."""
    fields = recipe.model_dump(exclude={"kind"})
    match recipe:
        case RepresentationNoiseRecipe():
            return RepresentationNoise(**fields)
        case ImageTransformsRecipe():
            return ImageTransforms(**fields)
        case SimulatedCopiesRecipe():
            return SimulatedCopies(**fields)
        case ParameterAscentRecipe():
            return ParameterAscent(**fields)
        case ResistingAuxiliaryRecipe():
            return ResistingAuxiliary(**fields)
        case WeightNoiseRecipe():
            return WeightNoise(**fields)
        case TextEmbeddingNoiseRecipe():
            return TextEmbeddingNoise(**fields)
        case InputDiversityRecipe():
            return InputDiversity(**fields)


def build_schedule(
    recipe: Recipe, *, tile: int | None = None, content: ContentSpace | None = None
) -> Schedule:
    """The schedule, from units of 1/255 to [0, 1]; `tile` is the side of the model's patches."""
    pace = recipe.schedule
    return Schedule(
        steps=pace.steps,
        epsilon=pace.epsilon / 255,
        step_size=pace.step_size / 255,
        final_step_size=None if pace.final_step_size is None else pace.final_step_size / 255,
        momentum=pace.momentum,
        round_pixels=pace.round_pixels,
        minimum_frequency=pace.minimum_frequency,
        tile=tile,
        content=content,
        check_every=pace.check_every,
    )
