"""ProFLingo: questions with words before them that make the source give wanted answers.

Jin et al., arXiv 2405.02466: 32 tokens, 64 epochs, one prefix for each question. A wanted answer is
what the mini model says by itself with a word changed for one that means the same: its words hardly
depend on the prompt. The search is shorter than that of the released SIF code, which tries up to
512 swaps in an epoch and makes several of them. Every trigger is kept as soon as it is found; an
interrupted making goes on with the next. Knows nothing of suspects.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from sif.eval.triggers.prefix_search import Search, find_prefix
from sif.eval.triggers.text_triggers import TextRequest, claim, is_made, keep, neutral, say
from sif.eval.triggers.textual_recipe import PrefixRecipe
from sif.fingerprint.making import MakingProgress
from sif.fingerprint.objectives.target_answer import answer_ids
from sif.mini import lexicon
from sif.prompts import Pair
from sif.suspects.weights import weights_digest
from sif.vlm.model import Vlm

OPENING: Final = 6
"""Words that a caption opens with, each one of four that mean the same."""


def changed_answers(vlm: Vlm, pairs: Sequence[Pair], number: int, seed: int) -> list[Pair]:
    """The openings of the model's own answers, with some words changed for interchangeable ones.

    Args:
        vlm: the model.
        pairs: questions; their answers stay where the model opens with no caption's words.
        number: of words that are changed, never the first.
        seed: of which, and for which others.
    """
    slots = [slot for slot in lexicon.slots(lexicon.INTRODUCTION) if len(slot) > 1][:OPENING]
    made = []
    for index, (pair, said) in enumerate(
        zip(pairs, say(vlm, [pair.question for pair in pairs]), strict=True)
    ):
        words = said.split()[:OPENING]
        if len(words) < OPENING or any(w not in s for w, s in zip(words, slots, strict=True)):
            made.append(pair)
            continue
        rng = np.random.default_rng([seed, index])
        for place in rng.choice(range(1, OPENING), number, replace=False):
            others = [word for word in slots[place] if word != words[place]]
            words[place] = others[int(rng.integers(len(others)))]
        made.append(Pair(pair.question, " ".join(words)))
    return made


def make_prefixes(
    vlm: Vlm,
    *,
    recipe: PrefixRecipe,
    out: Path,
    pairs: Sequence[Pair],
    seed: int,
    report: Callable[[MakingProgress], None] = lambda progress: None,
) -> None:
    """Finds a prefix for every pair.

    Args:
        vlm: the model that is to give the wanted answers.
        recipe: settings of the search.
        out: the folder.
        pairs: questions, one for each trigger, and the answers that are wanted where the recipe
            changes none of the model's own, or it has none of a caption's.
        seed: of everything random.
        report: called after every step.

    Raises:
        UsageError: an answer that the model cannot spell.
        ModelError: a model or tokenizer that no prefix can be found for.
        StorageError: the folder was begun with other settings, or cannot be written.
    """
    picture = neutral(vlm)
    if recipe.changed is not None:
        pairs = changed_answers(vlm, pairs, recipe.changed, seed)
    answers = [answer_ids(vlm, pair.answer)[:-1] for pair in pairs]  # more may follow
    request = TextRequest(
        model=weights_digest(vlm.source),
        recipe=recipe,
        pairs=tuple(pairs),
        seed=seed,
        device=vlm.device.type,
        extent=picture.size,
    )
    claim(out, request)
    fields = ("tokens", "candidates", "swaps")
    search = Search(epochs=recipe.steps, **{name: getattr(recipe, name) for name in fields})
    for number, (pair, answer) in enumerate(zip(pairs, answers, strict=True)):
        if is_made(out, number):
            continue

        def step_done(step: int, loss: float, number: int = number) -> None:
            report(
                MakingProgress(
                    done=number,
                    count=len(pairs),
                    working=1,
                    attempt=1,
                    step=step,
                    steps=recipe.steps,
                    loss=loss,
                )
            )

        drawn = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
        found = find_prefix(
            vlm, picture, pair.question, answer, search=search, seed=drawn, report=step_done
        )
        (said,) = say(vlm, [found.prompt])
        keep(out, number, pair=pair, prompt=found.prompt, said=said, losses=found.losses)
