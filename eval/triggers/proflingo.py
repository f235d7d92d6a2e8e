"""ProFLingo: questions with words before them that make the source give wanted answers.

Jin et al., arXiv 2405.02466: 32 tokens, 64 epochs, one prefix for each question. Every trigger is
kept as soon as it is found; an interrupted making goes on with the next. Knows nothing of suspects.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from sif.eval.triggers.prefix_search import Search, find_prefix
from sif.eval.triggers.text_triggers import TextRequest, claim, is_made, keep, neutral, say
from sif.eval.triggers.textual_recipe import PrefixRecipe
from sif.fingerprint.making import MakingProgress
from sif.fingerprint.objectives.target_answer import answer_ids
from sif.prompts import Pair
from sif.suspects.weights import weights_digest
from sif.vlm.model import Vlm


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
        pairs: questions and wanted answers, one for each trigger.
        seed: of everything random.
        report: called after every step.

    Raises:
        UsageError: an answer that the model cannot spell.
        ModelError: a model or tokenizer that no prefix can be found for.
        StorageError: the folder was begun with other settings, or cannot be written.
    """
    picture = neutral(vlm)
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
