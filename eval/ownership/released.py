"""(c) The verdict rule of the released SIF code, on answers that know nothing of any key.

The rule, as its detector's analysis applies it to any number of "unrelated" models and a suspect:
1. Each answer gets z = (g − γT)/√(Tγ(1−γ)) and the green share g/T, every one of T tokens counted
as often as it occurs. 2. An image is selected if the suspect's z exceeds the largest z of any
unrelated model on it. 3. On the selected images, and only on them, the suspect's green tokens are
compared with the largest green share f_i of any unrelated model: Z = (Σg − ΣTf)/√(ΣTf(1−f)).
4. The suspect is accused if 1 − Φ(Z) is below the level (0.05 there); without a selected image it
is not. A simpler rule beside it accuses at a mean z ≥ 2, or z ≥ 3.5 on at least 15% of the images.

Known: the rule, γ = 1/2, 50 images, one greedy answer each, and one integer key for all images (its
generating script asks for no key of their own), so one list for all models with one tokenizer.
Assumed: the key is as good as random; suspect and unrelated models react to no trigger; they answer
as the mini models do. Models with tokenizers of their own have lists of their own, which is
simulated too, as is a fresh list for each image. The suspect is one of several innocents, drawn
anew for each audit, the unrelated models are others of them. As the mini models repeat themselves
more than big ones do, English prose in a big vocabulary is put in their place as well.
"""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from sif.eval.ownership.corpus import GAMMA, TextSet
from sif.eval.ownership.draws import draw_masks, weighted_greens
from sif.eval.ownership.results import ALPHAS, Accusation, Rate

IMAGES = 50
CHUNK = 1000
Lists = Literal["one for all", "one for each tokenizer", "a fresh one for each image"]
LISTS: tuple[Lists, ...] = ("one for all", "one for each tokenizer", "a fresh one for each image")


class Scores(NamedTuple):
    """Green tokens, tokens, z and green share, by audit, model and image."""

    green: Float[np.ndarray, "audits models images"]
    tokens: Float[np.ndarray, "#audits models images"]

    @property
    def z(self) -> Float[np.ndarray, "audits models images"]:
        """Standard scores."""
        spread = np.sqrt(self.tokens * GAMMA * (1 - GAMMA))
        return np.asarray((self.green - GAMMA * self.tokens) / spread)

    @property
    def share(self) -> Float[np.ndarray, "audits models images"]:
        """Green shares."""
        return np.asarray(self.green / self.tokens)


def authors(texts: TextSet, number: int) -> list[TextSet]:
    """One set of texts dealt out to several authors."""
    return [
        TextSet(
            name=f"{texts.name} {author}",
            vocabulary_size=texts.vocabulary_size,
            texts=texts.texts[author::number],
        )
        for author in range(number)
    ]


def select_then_test(scores: Scores) -> Float[np.ndarray, " audits"]:
    """p-values of the adaptive rule; the first model is the suspect, the others are unrelated."""
    from scipy.stats import norm

    z, tokens = scores.z, np.broadcast_to(scores.tokens, scores.green.shape)[:, 0]
    selected = z[:, 0] > z[:, 1:].max(axis=1)
    bar = scores.share[:, 1:].max(axis=1)
    gained = np.where(selected, scores.green[:, 0] - tokens * bar, 0.0).sum(axis=1)
    variance = np.where(selected, tokens * bar * (1 - bar), 0.0).sum(axis=1)
    statistic = np.divide(gained, np.sqrt(variance), out=np.zeros_like(gained), where=variance > 0)
    return np.where(selected.any(axis=1), norm.sf(statistic), 1.0)


def simple_rule(scores: Scores) -> Bool[np.ndarray, " audits"]:
    """Whether the mean z or the share of large ones accuses the first model."""
    z = scores.z[:, 0]
    return np.asarray((z.mean(axis=1) >= 2.0) | ((z >= 3.5).mean(axis=1) >= 0.15))


def released_rules(
    innocents: Sequence[TextSet],
    *,
    name: str,
    lists: Lists,
    unrelated: int,
    audits: int,
    rng: np.random.Generator,
) -> list[Accusation]:
    """False claims of both rules; in every audit another innocent is the suspect.

    Args:
        innocents: answers to the same images; more than `unrelated` of them.
        name: of these texts.
        lists: how green lists belong to images and models.
        unrelated: models that set the bar.
        audits: with a key of their own each.
        rng: of keys and suspects.
    """
    p, accused = [], []
    for scores in _audits(innocents, lists, audits, rng):
        order = rng.permuted(np.tile(np.arange(len(innocents)), (len(scores.green), 1)), axis=1)
        cast = order[:, : unrelated + 1, None]
        tokens = np.broadcast_to(scores.tokens, scores.green.shape)
        some = Scores(*(np.take_along_axis(it, cast, axis=1) for it in (scores.green, tokens)))
        p.append(select_then_test(some))
        accused.append(simple_rule(some))
    values, simple = np.concatenate(p), int(np.concatenate(accused).sum())
    about = f"{name}; green list: {lists}"
    setting = f"{about}; unrelated models: {unrelated}"
    adaptive = tuple(Rate.of(int((values < a).sum()), len(values), a) for a in ALPHAS)
    rows = [Accusation(rule="select, then test", setting=setting, rates=adaptive)]
    if unrelated == 2:  # it looks at no unrelated model
        rates = (Rate.of(simple, len(values), 0.05),)
        rows.append(Accusation(rule="mean z ≥ 2 or 15% ≥ 3.5", setting=about, rates=rates))
    return rows


def _audits(
    innocents: Sequence[TextSet], lists: Lists, audits: int, rng: np.random.Generator
) -> Iterator[Scores]:
    """Scores of all innocents, some audits at a time."""
    counts = np.stack([some.first(IMAGES).counts for some in innocents])
    counts = counts[:, :, counts.any(axis=(0, 1))]  # which of the other ids are green is no matter
    tokens = counts.sum(axis=2)[None]
    for start in range(0, audits, CHUNK):
        number = min(CHUNK, audits - start)
        yield Scores(_greens(innocents[0], counts, lists, number, rng), tokens)


def _greens(
    some: TextSet, counts: np.ndarray, lists: Lists, number: int, rng: np.random.Generator
) -> Float[np.ndarray, "audits models images"]:
    models, images, ids = counts.shape
    match lists:
        case "one for all":
            masks = draw_masks(some.null, ids, number, rng)
            flat = weighted_greens(counts.reshape(-1, ids), masks)
            return flat.reshape(number, models, images)
        case "one for each tokenizer":
            rows = [
                weighted_greens(mine, draw_masks(some.null, ids, number, rng)) for mine in counts
            ]
            return np.stack(rows, axis=1)
        case "a fresh one for each image":
            columns = []
            for image in range(images):
                used = np.flatnonzero(counts[:, image].any(axis=0))
                masks = draw_masks(some.null, len(used), number, rng)
                columns.append(weighted_greens(counts[:, image][:, used], masks))
            return np.stack(columns, axis=2)
