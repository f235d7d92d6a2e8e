"""One part of a fingerprint: triggers that are made together, by whichever process takes it.

It gets pictures, green masks and seeds, never the secret, and gives back files and figures; whoever
asked writes them. Whatever is random follows from seeds, so that it does not matter who makes which
part, and when.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from PIL import Image

from sif.fingerprint.content import ContentSpace
from sif.fingerprint.craft import Craft, Draft
from sif.fingerprint.manifest import Quality
from sif.fingerprint.memory import Fitting, craft_fitting
from sif.fingerprint.predictability import Chances, answer_chances
from sif.fingerprint.recipe import Recipe
from sif.scale.crew import Show
from sif.types import GenerationSettings
from sif.vlm.at_hand import ModelAtHand, ModelElsewhere
from sif.vlm.pixels import png_bytes

Model = ModelAtHand | ModelElsewhere


@dataclass(frozen=True, slots=True, kw_only=True)
class AtWork:
    """What a lot tells: its triggers done, and where those at work are."""

    done: int
    working: int
    attempt: int
    step: int
    steps: int
    loss: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeTrigger:
    """A trigger as it goes on disk, without what follows from the key.

    Attributes:
        draft_id: of the trigger.
        picture: PNG.
        base: PNG of the picture before.
        source_image: where that came from.
        prompt: plain words.
        quality: what the model answered to both.
    """

    id: str
    picture: bytes = field(repr=False)
    base: bytes = field(repr=False)
    source_image: str
    prompt: str
    quality: Quality


@dataclass(frozen=True, eq=False, kw_only=True)
class Lot:
    """Triggers that are optimised together.

    Attributes:
        name: under which it tells how far it is.
        model: that they are made on.
        recipe: how.
        drafts: before their first making.
        seeds: of each making, of each draft.
        generation: settings of measured answers.
        content: what ordinary pictures hold, where the recipe keeps out of it.
        fitting: what is known of the memory.
    """

    name: str
    model: Model
    recipe: Recipe
    drafts: tuple[Draft, ...] = field(repr=False)
    seeds: tuple[tuple[int, ...], ...] = field(repr=False)
    generation: GenerationSettings
    content: ContentSpace | None = field(repr=False)
    fitting: Fitting

    def run(self, show: Show) -> tuple[MadeTrigger, ...]:
        """Makes them; weak ones again from where their first making ended.

        Raises:
            UsageError: memory is too short for what was asked for.
            ModelError: the model cannot be loaded.
        """
        quality, best = self.recipe.quality, dict[int, tuple[Craft, int]]()
        pending = [*range(len(self.drafts))]
        for attempt, seeds in enumerate(self.seeds):
            drafts = [
                replace(
                    self.drafts[place],
                    seed=seeds[place],
                    start=best[place][0].image if place in best else None,
                )
                for place in pending
            ]
            for place, made in zip(pending, self._craft_all(drafts, attempt, show), strict=True):
                kept = best[place][0] if place in best else made
                better = made.measured.z > kept.measured.z
                best[place] = (made if better else kept), attempt + 1
            pending = [place for place in pending if best[place][0].is_weak(quality)]
            if not pending:
                break
        return tuple(self._finished(*best[place]) for place in range(len(self.drafts)))

    def _craft_all(self, drafts: list[Draft], attempt: int, show: Show) -> list[Craft]:
        """Crafts drafts in groups of one extent; returns them in the order of the drafts."""
        made = dict[str, Craft]()
        for extent in dict.fromkeys(draft.base.size for draft in drafts):
            for crafts in craft_fitting(
                self.model.vlm(),
                self.recipe,
                [draft for draft in drafts if draft.base.size == extent],
                fitting=self.fitting,
                generation=self.generation,
                report=self._telling(show, attempt, made),
                content=self.content,
            ):
                made |= {craft.draft.id: craft for craft in crafts}
        return [made[draft.id] for draft in drafts]

    def _telling(
        self, show: Show, attempt: int, made: dict[str, Craft]
    ) -> Callable[[int, int, float], None]:
        steps = self.recipe.schedule.steps

        def tell(working: int, step: int, loss: float) -> None:
            state = AtWork(
                done=len(made),
                working=working,
                attempt=attempt + 1,
                step=step,
                steps=steps,
                loss=loss,
            )
            show(self.name, step, steps, state)

        return tell

    def _finished(self, made: Craft, attempts: int) -> MadeTrigger:
        if made.largest_change > self.recipe.schedule.epsilon:
            raise AssertionError(f"{made.draft.id}: {made.largest_change} exceeds the budget")
        draft, count = made.draft, made.measured.count
        return MadeTrigger(
            id=draft.id,
            picture=png_bytes(made.image),
            base=png_bytes(draft.base),
            source_image=draft.source_image,
            prompt=draft.prompt,
            quality=Quality(
                z=made.measured.z,
                base_z=made.base_measured.z,
                green_rate=count.green / max(1, count.scored),
                answer_tokens=made.measured.answer_tokens,
                largest_change=made.largest_change,
                attempts=attempts,
                weak=made.is_weak(self.recipe.quality),
            ),
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class Weighing:
    """How freely the model chose the words about the base pictures of a lot.

    Attributes:
        model: that answers.
        pictures: base images at its native extent.
        prompts: one for each.
        generation: settings of the answers.
    """

    model: Model
    pictures: tuple[Image.Image, ...] = field(repr=False)
    prompts: tuple[str, ...]
    generation: GenerationSettings

    def run(self, show: Show) -> Chances:
        """Lets it answer.

        Raises:
            ModelError: the model cannot be loaded.
        """
        return answer_chances(
            self.model.vlm(), self.pictures, self.prompts, generation=self.generation
        )


def seed_of(seed: int, index: int, attempt: int) -> int:
    """Of the `attempt`-th making, from 0, of the trigger of an index."""
    return int(np.random.SeedSequence([seed, index, attempt]).generate_state(1)[0])
