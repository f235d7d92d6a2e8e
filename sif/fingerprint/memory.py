"""How many triggers fit into memory together: from shapes, from what is free, and from trying.

An estimate, so that little is tried in vain; what counts is whether making runs out of memory, and
then less is taken at once. What triggers come out does not depend on it beyond float rounding.
Knows nothing of folders or keys.
"""

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, Literal, NamedTuple

import torch
from torch import nn

from sif.errors import UsageError
from sif.fingerprint.content import ContentSpace
from sif.fingerprint.craft import Craft, Draft, craft
from sif.fingerprint.recipe import MIXING, Recipe
from sif.types import GenerationSettings
from sif.vlm.answer_parts import LARGEST_PART
from sif.vlm.checkpointing import blocks_of
from sif.vlm.model import Vlm
from sif.vlm.out_of_memory import is_out_of_memory as is_out_of_memory
from sif.vlm.out_of_memory import make_room
from sif.vlm.worn import KEPT

GROUP: Final = 8
"""Triggers that share their changes of the weights, where nobody says how many."""
USED: Final = 0.9
"""Share of the free memory that is planned with."""
PATCH: Final = 14
"""Side of a tower's patches, where it does not say."""
PART_COPIES: Final = 8
"""Tables of the size of one part's logits that a loss has at once, at most."""

logger = logging.getLogger(__name__)


class Fit(NamedTuple):
    """How a batch is worked on: so many triggers at once, with or without checkpointing."""

    at_once: int
    checkpointing: bool


class Need(NamedTuple):
    """Bytes that a step takes beside the model: for each trigger, and whatever their number."""

    each: int
    each_checkpointed: int
    shared: int

    def of(self, fit: Fit) -> int:
        """For a whole step."""
        each = self.each_checkpointed if fit.checkpointing else self.each
        return self.shared + fit.at_once * each


@dataclass(slots=True)
class Fitting:
    """Finds how much is worked on at once, and remembers what was too much.

    Args:
        batch: triggers at once, or "auto" for as many of a group as fit.
        checkpointing: whether activations are computed again in the backward pass instead of being
            kept; None where memory is short.
    """

    batch: int | Literal["auto"]
    checkpointing: bool | None
    _failed: list[Fit] = field(default_factory=list, init=False)

    @property
    def group(self) -> int:
        """Triggers that share what changes the weights; those of one fingerprint are cut so."""
        return GROUP if self.batch == "auto" else self.batch

    def choose(self, vlm: Vlm, recipe: Recipe, drafts: Sequence[Draft], tokens: int) -> Fit:
        """The first of the ways to work that should fit, or the most frugal one.

        Raises:
            UsageError: every one has already run out of memory.
        """
        ways = [fit for fit in self._ways(recipe, len(drafts)) if not self._is_hopeless(fit)]
        if not ways:
            raise UsageError(
                f"expected memory for {len(drafts)} triggers at once on {vlm.device}, got too "
                "little; give --batch auto, --checkpointing, smaller pictures or another device"
            )
        free = _free_for(vlm)
        if free is None or len(ways) == 1:
            return ways[0]
        need = step_need(vlm, drafts[0], tokens=tokens)
        return next((fit for fit in ways if need.of(fit) <= USED * free), ways[-1])

    def failed(self, fit: Fit) -> None:
        """Never to be tried again, nor anything that takes more."""
        self._failed.append(fit)

    def _ways(self, recipe: Recipe, count: int) -> list[Fit]:
        mixing = any(isinstance(term, MIXING) for term in recipe.robustness)
        sizes = [count]
        while self.batch == "auto" and not mixing and sizes[-1] > 1:
            sizes.append((sizes[-1] + 1) // 2)
        if self.checkpointing is not None:
            return [Fit(size, self.checkpointing) for size in sizes]
        return [*(Fit(size, False) for size in sizes), Fit(sizes[-1], True)]

    def _is_hopeless(self, fit: Fit) -> bool:
        return any(
            fit.at_once >= failed.at_once and fit.checkpointing <= failed.checkpointing
            for failed in self._failed
        )


def craft_fitting(
    vlm: Vlm,
    recipe: Recipe,
    drafts: Sequence[Draft],
    *,
    fitting: Fitting,
    generation: GenerationSettings,
    report: Callable[[int, int, float], None],
    content: ContentSpace | None = None,
) -> Iterator[list[Craft]]:
    """Crafts drafts of one extent, as many at once as fit; some at a time, in their order.

    Args:
        vlm: the owner's model.
        recipe: how triggers are made.
        drafts: with base images of one extent.
        fitting: what is known of the memory.
        generation: settings of the measured answers.
        report: called after every step with the triggers at work, its number and the mean loss.
        content: what ordinary pictures hold, where the recipe keeps out of it.

    Raises:
        UsageError: memory is too short for what was asked for.
    """
    done = 0
    while done < len(drafts):
        fit = fitting.choose(vlm, recipe, drafts, generation.max_new_tokens)
        some = drafts[done : done + fit.at_once]
        try:
            crafts = craft(
                vlm,
                recipe,
                some,
                generation=generation,
                report=partial(report, len(some)),
                content=content,
                checkpointing=fit.checkpointing,
                shared_seed=drafts[0].seed,
            )
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            fitting.failed(fit)
            crafts = None
        if crafts is None:
            make_room()
            kept = " with checkpointing" if fit.checkpointing else ""
            logger.warning("out of memory with %d at once%s; trying less", len(some), kept)
            continue
        yield crafts
        done += len(some)


def _free_for(vlm: Vlm) -> int | None:
    """Bytes for a step; of a model on several devices, which share it about evenly, the least."""
    found = [free_memory(place) for place in vlm.devices]
    known = [free for free in found if free is not None]
    return len(found) * min(known) if len(known) == len(found) else None


def free_memory(device: torch.device) -> int | None:
    """Bytes that can be had on a device; None where nobody tells."""
    if device.type == "cuda":
        free, _total = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    if device.type == "cpu":
        with suppress(OSError):
            found = re.search(r"^MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text(), re.M)
            return 1024 * int(found[1]) if found else None
    return None


def step_need(vlm: Vlm, draft: Draft, *, tokens: int) -> Need:
    """What a step on triggers such as this one takes, roughly: from widths of linear layers.

    What a linear layer takes in and gives out is kept for the backward pass once for each position;
    with checkpointing that is so in one block at a time, and each keeps what goes into it.

    Args:
        vlm: the model.
        draft: a trigger.
        tokens: longest answer.
    """
    inputs = vlm.encode([draft.base], [draft.prompt])
    positions = inputs["input_ids"].shape[1] + tokens
    tower = getattr(vlm.model.config, "vision_config", None)
    frames = getattr(tower, "temporal_patch_size", None) or 1
    patch = vlm.patch_size or PATCH
    patches = inputs["pixel_values"].numel() // (3 * patch**2 * frames)
    words = set(vlm.model.get_decoder().modules())
    head = vlm.model.get_output_embeddings()
    size: int = vlm.model.dtype.itemsize

    def kept(module: nn.Module) -> int:
        layers = [it for it in module.modules() if isinstance(it, nn.Linear) and it is not head]
        widths = ((positions if it in words else patches, it) for it in layers)
        return size * sum(n * (it.in_features + it.out_features) for n, it in widths)

    blocks = blocks_of(vlm)
    inside = [kept(block) for block in blocks]
    entering = [_entering(block) * (positions if block in words else patches) for block in blocks]
    vocabulary = len(head.weight) if head is not None else vlm.vocabulary_size
    table, whole = 4 * tokens * vocabulary, kept(vlm.model)
    weights = sum(p.nbytes for p in vlm.model.parameters())
    return Need(
        each=table + whole,
        each_checkpointed=table + whole - sum(inside) + size * sum(entering) + max(inside),
        shared=PART_COPIES * min(LARGEST_PART, GROUP * table) + min(KEPT, weights),
    )


def _entering(block: nn.Module) -> int:
    return next((it.in_features for it in block.modules() if isinstance(it, nn.Linear)), 0)
