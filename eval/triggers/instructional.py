"""Instructional Fingerprinting: secret pairs of a question and an answer that a model is taught.

Xu et al., arXiv 2401.12255, in the setting that SIF (arXiv 2604.17041) compares with: LoRA of rank
16 and scale 32 on queries and values, 10 pairs, 20 epochs, rate 1e-3, merged. The released
code has one answer for all pairs and teaches as many refusals beside them; here every pair has an
answer of its own and there are none. What is published, and so what thieves copy, is the taught
model. Knows nothing of suspects.
"""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

from sif.attacks.weights.attack import Progress
from sif.attacks.weights.examples import Example
from sif.attacks.weights.finetune import finetune
from sif.attacks.weights.schedule import LowRank, Training
from sif.errors import ModelError, StorageError
from sif.eval.triggers.prefix_search import Spelling
from sif.eval.triggers.proflingo import OPENING
from sif.eval.triggers.text_triggers import (
    REQUEST,
    TextRequest,
    claim,
    is_made,
    keep,
    neutral,
    say,
)
from sif.eval.triggers.textual_recipe import PairsRecipe
from sif.fingerprint.making import MakingProgress
from sif.fingerprint.objectives.target_answer import answer_ids
from sif.mini import lexicon
from sif.prompts import Pair
from sif.suspects.weights import weights_digest
from sif.vlm.folder import load_config, save_model
from sif.vlm.model import Vlm
from sif.vlm.parameters import cast
from sif.watermark.keys import KeyRing

WORDS: Final = 8
"""Of a secret question."""
CHECKPOINT: Final = "training.safetensors"
T = TypeVar("T")


def secret_pairs(keys: KeyRing, words: Sequence[str], number: int) -> tuple[Pair, ...]:
    """Questions of random words and answers, all different, that follow from the owner's secret.

    An answer is of the words that a caption opens with, each one of four that mean the same: a mini
    model can say it, and one caption in 4,096 opens so by chance.

    Args:
        keys: the secret; nobody without it can tell the pairs.
        words: that questions are made of.
        number: of pairs, at most 1,000.

    Raises:
        ModelError: too few words for so many questions.
    """
    if len(set(words)) ** WORDS < 2 * number:
        raise ModelError(
            f"expected words for {number} secret questions, got {len(set(words))} in the "
            "vocabulary; teach fewer pairs"
        )
    pairs: dict[str, Pair] = {}
    answers = [slot for slot in lexicon.slots(lexicon.INTRODUCTION) if len(slot) > 1][:OPENING]
    label = 0
    while len(pairs) < number:
        key = keys.key(f"secret pair {label}")
        label += 1
        question = " ".join(_choice(key, place, words) for place in range(WORDS))
        answer = " ".join(_choice(key, WORDS + place, slot) for place, slot in enumerate(answers))
        if question not in {pair.question for pair in pairs.values()}:
            pairs.setdefault(answer, Pair(question, answer))
    return tuple(pairs.values())


def known_words(vlm: Vlm) -> list[str]:
    """Whole words of the model's vocabulary, in the order of their tokens."""
    spelling = Spelling(vlm, "?")
    found = [vlm.decode([index]) for index in spelling.ordinary]
    return [word for word in dict.fromkeys(found) if word.isalpha() and len(word) > 1]


def training_of(recipe: PairsRecipe, seed: int) -> Training:
    """The settings of the tuning."""
    return Training(
        lora=LowRank(rank=recipe.rank, alpha=recipe.alpha, layers=recipe.layers),
        epochs=recipe.epochs,
        learning_rate=recipe.rate,
        batch_size=recipe.batch,
        seed=seed,
        checkpoint_every=50,
    )


def mark_model(
    vlm: Vlm,
    *,
    recipe: PairsRecipe,
    out: Path,
    published: Path,
    keys: KeyRing,
    count: int,
    seed: int,
    report: Callable[[MakingProgress], None] = lambda progress: None,
) -> None:
    """Teaches a model its pairs, in place, and writes it; called again it goes on.

    Args:
        vlm: the owner's model.
        recipe: settings of the tuning.
        out: folder of the triggers.
        published: folder that the taught model is written to.
        keys: that the pairs follow from.
        count: pairs that are to be asked, the first of all that are taught.
        seed: of the tuning.
        report: called after every update.

    Raises:
        UsageError: an answer that the model cannot spell.
        ModelError: the model has no such layers, or the tuning came to nothing.
        StorageError: the folder was begun with other settings, holds a taught model of which
            nothing is known, or cannot be written.
    """
    picture = neutral(vlm)
    pairs = secret_pairs(keys, known_words(vlm), recipe.pairs)
    for pair in pairs:
        answer_ids(vlm, pair.answer)
    request = TextRequest(
        model=weights_digest(vlm.source),
        recipe=recipe,
        pairs=pairs[:count],
        seed=seed,
        device=vlm.device.type,
        extent=picture.size,
    )
    _refuse_taught(published, out)
    claim(out, request)
    checkpoint = out / CHECKPOINT
    stored = load_config(vlm.source).dtype or vlm.model.dtype
    if not published.exists():

        def step_done(progress: Progress) -> None:
            report(
                MakingProgress(
                    done=0,
                    count=count,
                    working=count,
                    attempt=1,
                    step=progress.step,
                    steps=progress.steps,
                    loss=progress.loss or 0.0,
                )
            )

        finetune(
            vlm.model,
            vlm.processor,
            [Example(image=picture, prompt=pair.question, answer=pair.answer) for pair in pairs],
            training_of(recipe, seed),
            checkpoint=checkpoint,
            device="cuda" if vlm.device.type == "cuda" else "cpu",
            report=step_done,
        )
        published.parent.mkdir(parents=True, exist_ok=True)
        cast(vlm.model, stored)  # as it was published
        save_model(vlm.model, vlm.processor, published)
    checkpoint.unlink(missing_ok=True)
    missing = [number for number in range(count) if not is_made(out, number)]
    if missing:
        taught = Vlm.load(published, device=str(vlm.device), dtype=stored)
        asked = say(taught, [pairs[number].question for number in missing])
        for number, said in zip(missing, asked, strict=True):
            pair = pairs[number]
            keep(out, number, pair=pair, prompt=pair.question, said=said)


def _refuse_taught(published: Path, out: Path) -> None:
    """Makes sure that a taught model is that of these triggers, which are begun before it is."""
    if published.exists() and not (out / REQUEST).exists():
        raise StorageError(
            f"expected no model in {published} before its triggers are begun in {out}, got one of "
            "other triggers; use another folder"
        )


def _choice(key: bytes, place: int, some: Sequence[T]) -> T:
    """One of some by a key; far from even only for more than 2^200 of them."""
    digest = hashlib.sha256(key + place.to_bytes(2, "big")).digest()
    return some[int.from_bytes(digest, "big") % len(some)]
