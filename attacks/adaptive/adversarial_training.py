"""Adversarial training against the method: triggers of the thief's own keys, answered ordinarily.

In every round fresh triggers are made on the model as it is by then, with keys that the thief
draws, and the model is tuned to answer all triggers so far as it answered their base images. He
needs the method, the weights and ordinary pictures, and nothing of the owner's.
"""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

from PIL import Image
from pydantic import ConfigDict, Field, SkipValidation

from sif.attacks.adaptive.harmless_answers import Pair, answered_as_base, base_answers, still
from sif.attacks.adaptive.own_triggers import make_own_triggers
from sif.attacks.weights.attack import Facts, WeightAttack, Workbench
from sif.attacks.weights.examples import Example, balanced
from sif.attacks.weights.finetune import finetune
from sif.attacks.weights.schedule import Training
from sif.fingerprint.recipe import Recipe
from sif.vlm.model import Vlm


class AdversarialTraining(WeightAttack):
    """Rounds of making triggers and tuning against them.

    Attributes:
        recipe: by which the thief makes his own triggers.
        rounds: of making and tuning.
        triggers: made in each round.
        training: of each round.
        pictures: ordinary ones, as base images, others in each round, and to learn content from.
        prompts: ordinary questions.
        ordinary: examples that are mixed in, to hold the model where it is.
        seed: of keys and triggers.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    name: ClassVar[str] = "adversarial-training"

    recipe: Recipe
    rounds: int = Field(default=2, ge=1)
    triggers: int = Field(default=24, ge=1)
    training: Training
    pictures: Annotated[Sequence[Image.Image], SkipValidation, Field(exclude=True, repr=False)]
    prompts: tuple[str, ...] = Field(exclude=True)
    ordinary: Annotated[Sequence[Example], SkipValidation, Field(exclude=True, repr=False)] = ()
    seed: int = 0

    def apply(self, model: Any, processor: Any, bench: Workbench) -> Facts:
        """Trains in place; triggers and checkpoints of unfinished rounds lie on the bench."""
        pool: list[Example] = []
        losses: list[float] = []
        for number in range(self.rounds):
            vlm = Vlm(model, processor, "stolen")
            pool += self._own_triggers(vlm, number, bench)
            losses += finetune(
                model,
                processor,
                balanced(pool, self.ordinary),
                self.training,
                checkpoint=bench.scratch / f"round-{number}.safetensors",
                device=bench.device,
                report=bench.report,
            )
        return {"own_triggers": len(pool), "steps": len(losses), "last_loss": losses[-1]}

    def _own_triggers(self, vlm: Vlm, number: int, bench: Workbench) -> list[Example]:
        """Triggers of fresh keys with the answers to their base images."""
        first = number * self.triggers % len(self.pictures)
        with still(vlm.model):
            made = make_own_triggers(
                vlm,
                [*self.pictures[first:], *self.pictures[:first]],
                recipe=self.recipe,
                prompts=self.prompts,
                out=bench.scratch / f"own-{number}",
                count=self.triggers,
                seed=self.seed + number,
                report=bench.report,
            )
        pairs = [
            Pair(image=one.image, base=one.base, prompt=one.record.prompt) for one in made.triggers
        ]
        return answered_as_base(vlm, pairs, base_answers(vlm, pairs))
