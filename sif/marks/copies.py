"""Simulated thefts while a mark is trained: worn weights, and copies fine-tuned on the side.

A fine-tuned copy is the marked model of some moment, tuned with all its layers on classes that are
found among the training images: which of ten drawn images is nearest by the clean representation,
or, in every other round, which of ten drawn patches each of an image's patches is nearest to. Its
images may be made grey, coarse, harsh or negative, as a thief's are seldom like the owner's. It
is kept as a difference of weights and added, somewhat shortened or lengthened, to those of the
present moment, so that the message term meets what tuning does (a first-order meta-gradient).
Knows nothing of messages.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sif.marks.recipe import CopiesRecipe
from sif.marks.seeded import generator_at
from sif.marks.training_images import TrainingImages, draw_look
from sif.marks.vision_model import VisionModel
from sif.vlm.parameters import replaced, restored, trainable
from sif.wear import disturbed, rounded, thinned

GROUP, BATCH, CLASSES = 64, 64, 10


class Copies:
    """The thefts that one training simulates.

    Args:
        vision: the model that is being marked.
        training: images that the copies are tuned on.
        recipe: which thefts.
        seed: of everything that is drawn.
    """

    def __init__(
        self, vision: VisionModel, training: TrainingImages, *, recipe: CopiesRecipe, seed: int
    ) -> None:
        self._vision = vision
        self._training = training
        self._recipe = recipe
        self._seed = seed
        self._parameters = [p for p in vision.module.parameters() if p.is_floating_point()]
        self._matrices = [
            layer.weight for layer in vision.module.modules() if isinstance(layer, nn.Linear)
        ]
        self._tuned = [[torch.zeros_like(p) for p in self._parameters] for _ in range(recipe.tuned)]

    def state(self) -> Mapping[str, Tensor]:
        """The fine-tuned copies, to be kept in a checkpoint and filled from it."""
        return {
            f"copies/{number}/{index}": difference
            for number, differences in enumerate(self._tuned)
            for index, difference in enumerate(differences)
        }

    def prepare(self, step: int) -> None:
        """Makes one of the fine-tuned copies anew where it is time."""
        number, rest = divmod(step, self._recipe.every)
        if not self._tuned or rest or not number:
            return
        made = self._tune(number)
        for kept, fresh in zip(self._tuned[(number - 1) % len(self._tuned)], made, strict=True):
            kept.copy_(fresh)

    def at(self, step: int) -> AbstractContextManager[None]:
        """Puts the weights of one theft in place for a while; the step and the seed say which."""
        generator = generator_at(self._seed, step, 3)
        choice, kind, strength = torch.rand(3, generator=generator).tolist()
        if choice < self._recipe.plain:
            return nullcontext()
        ready = min(len(self._tuned), (step // self._recipe.every))
        if ready and kind < 0.5:
            return self._shifted(int(2 * kind * ready), 0.5 + strength)
        match int(3 * (2 * kind % 1)):
            case 0 if self._recipe.bits:
                bits = self._recipe.bits[int(strength * len(self._recipe.bits))]
                return replaced(self._matrices, lambda w: rounded(w, bits=bits, group_size=GROUP))
            case 1:
                low, high = self._recipe.prune
                share = low + strength * (high - low)
                return replaced(self._matrices, lambda w: thinned(w, share))
            case _:
                sigma = strength * self._recipe.noise
                return replaced(self._matrices, lambda w: disturbed(w, sigma, generator))

    @contextmanager
    def _shifted(self, number: int, length: float) -> Iterator[None]:
        differences = iter(self._tuned[number])
        with replaced(self._parameters, lambda w: w + length * next(differences)):
            yield

    def _tune(self, number: int) -> list[Tensor]:
        """What some steps of fine-tuning add to the weights."""
        before = [parameter.detach().clone() for parameter in self._parameters]
        with restored(self._parameters), trainable(self._parameters):
            self._fine_tune(number)
            return [now.detach() - then for now, then in zip(self._parameters, before, strict=True)]

    def _fine_tune(self, number: int) -> None:
        generator = generator_at(self._seed, number, 4)
        look = draw_look(generator)
        rates = self._recipe.rates
        dense = bool(number // len(rates) % 2)
        training = self._training
        labels = (training.token_classes if dense else training.classes)(CLASSES, generator)
        width = (training.tokens if dense else training.features).shape[-1]
        head = torch.randn(CLASSES, width, generator=generator) / width
        head = head.to(self._vision.device).requires_grad_()
        optimiser = torch.optim.AdamW([*self._parameters, head], lr=rates[number % len(rates)])
        for _ in range(self._recipe.tuning_steps):
            chosen = torch.randint(len(training.images), (BATCH,), generator=generator)
            seen = self._vision.run(self._vision.prepare(look(training.images[chosen])))
            logits = (seen.tokens if dense else seen.features) @ head.T
            wanted = labels[chosen].to(logits.device)
            loss = F.cross_entropy(logits.flatten(0, -2), wanted.flatten())
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
