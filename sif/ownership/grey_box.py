"""The grey-box statistic: evidence in the words that a suspect nearly said.

For endpoints that give the likeliest tokens at every place. A trigger makes the source raise green
words above their red alternatives, so that where several words would do, those that stand above an
equal share are green more often, and those below it red.

1. At every place the candidates are the tokens of at least 0.5%; a candidate's surplus is its share
   of their probability less 1/n, an equal share among the n of them. A forced word has none.
2. The weight of an id of the owner's vocabulary is its surplus of largest size, over all places of
   all answers to the trigger.
3. S is the sum of the weights of the green ids, and e(λ) = exp(λS)/E[exp(λS)].

Weights are functions of the answers alone and of the owner's tokenizer, never of the key, so under
null A (answers that do not depend on the key) each e(λ) is exact, and their product over triggers
holds at any stopping time, as that of the counts does. It is another statistic of the same answers:
the two must not be multiplied, and choosing the larger costs a factor of two. Nothing is said about
null B (transfer). It never changes a decision.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from math import exp, log
from typing import Any, Final

import numpy as np

from sif.errors import FingerprintError
from sif.fingerprint.folder import FingerprintSet
from sif.ownership.figures import GreyBoxFigures
from sif.ownership.logspace import LOG_10, as_probability, log_sum
from sif.ownership.null import HypergeometricNull
from sif.ownership.weighted import log_e_values
from sif.suspects.token_texts import token_texts
from sif.types import Answer, TopTokens

LEAST: Final = 0.005
TILTS: Final = (0.1, 0.2, 0.4, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0)
BLANKS: Final = ("\u2581", "\u0120")  # how some tokenizers write a leading blank
NOTE: Final = (
    "a separate statistic of the same answers, about independence from the key only; it is no part "
    "of the decision and must not be multiplied with the e-value of the words"
)
NO_TOP: Final = (
    "no answer came with the probabilities of its likeliest tokens; ask with ?logprobs=20 in the "
    "suspect's address, in a new run, where the endpoint gives them"
)
IMPORTED: Final = "an imported fingerprint has public keys, so no statistic of it has a bound"

Place = Mapping[int, float]
"""Probabilities of ids of the owner's vocabulary at one place of an answer."""


class OwnersIds:
    """From a suspect's tokens to ids of the owner's tokenizer, by what they write.

    Args:
        tokenizer: the owner's.
        special: ids that are never scored.
    """

    def __init__(self, tokenizer: Any, special: frozenset[int]) -> None:
        self._tokenizer = tokenizer
        self._special = special

    def places(self, top: Sequence[TopTokens]) -> list[Place]:
        """The same places in the owner's ids; tokens that the owner does not have are left out.

        Endpoints that never write a leading blank are taken to have lost it: there the id that
        begins a word goes before the one that continues it.
        """
        tokens = [token for place in top for token, _ in place]
        blank = any(len(token) > 1 and token[0] in (" ", *BLANKS) for token in tokens)
        return [self._place(place, blank=blank) for place in top]

    def _place(self, top: TopTokens, *, blank: bool) -> Place:
        found: dict[int, float] = {}
        for token, chance in top:
            index = self._index(token, blank=blank)
            if index is not None:
                found[index] = found.get(index, 0.0) + exp(chance)
        return found

    def _index(self, token: str, *, blank: bool) -> int | None:
        if token[:1] in BLANKS:
            token = f" {token[1:]}"
        own = self._by_text.get(token)
        return own if blank else self._by_text.get(f" {token}", own)

    @cached_property
    def _by_text(self) -> dict[str, int]:
        """By what an id writes, else by its entry in the vocabulary, which some engines show."""
        table: dict[str, int] = {}
        for index, text in enumerate(token_texts(self._tokenizer)):
            if text and index not in self._special:
                table.setdefault(text, index)
        for entry, index in self._tokenizer.get_vocab().items():
            if index not in self._special:
                table.setdefault(entry, index)
        return table


def surplus(places: Sequence[Place]) -> dict[int, float]:
    """The weight of every id: its share among the candidates less an equal share, at its largest.

    Args:
        places: of all answers to one trigger.
    """
    weights: dict[int, float] = {}
    for place in places:
        candidates = {index: chance for index, chance in place.items() if chance >= LEAST}
        total = sum(candidates.values())
        for index, chance in candidates.items():
            above = chance / total - 1 / len(candidates)
            if abs(above) > abs(weights.get(index, 0.0)):
                weights[index] = above
    return weights


def grey_box(
    fingerprint: FingerprintSet, answers: Mapping[str, Sequence[Answer]]
) -> GreyBoxFigures:
    """The evidence in the probabilities, trigger by trigger.

    Args:
        fingerprint: with its keys.
        answers: of each trigger, in the order of asking; those without probabilities are left out.

    Raises:
        FingerprintError: the keys are not at hand.
    """
    if fingerprint.published:
        return GreyBoxFigures(note=IMPORTED)
    null = HypergeometricNull(
        vocabulary_size=fingerprint.vocabulary_size, green_size=fingerprint.green_size
    )
    ids = OwnersIds(fingerprint.tokenizer, fingerprint.special_ids)
    tilts = np.asarray(TILTS)
    wealth, running, triggers, seen = np.full(len(tilts), -log(len(tilts))), [0.0], 0, 0
    for name, theirs in answers.items():
        tops = [answer.top for answer in theirs if answer.top]
        places = [place for top in tops for place in ids.places(top)]
        if not places:
            continue
        weights = surplus(places)
        wealth = wealth + log_e_values(
            *_split(weights, fingerprint.mask(name)), null=null, tilts=tilts
        )
        running.append(float(log_sum(wealth)) / LOG_10)
        triggers, seen = triggers + 1, seen + len(places)
    if not triggers:
        return GreyBoxFigures(note=NO_TOP)
    return GreyBoxFigures(
        log10_e_value=max(running),
        final_log10_e_value=running[-1],
        p_value=as_probability(-max(running) * LOG_10),
        triggers=triggers,
        places=seen,
        note=NOTE,
    )


def _split(weights: Mapping[int, float], mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The weights of the green ids, and of all."""
    if any(index >= len(mask) for index in weights):
        raise FingerprintError("expected a green list as long as the tokenizer, got a shorter one")
    green = [weight for index, weight in weights.items() if mask[index]]
    return np.asarray(green, np.float64), np.asarray(list(weights.values()), np.float64)
