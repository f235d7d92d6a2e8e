"""On which terms an endpoint answers: which parameters it takes, and what it calls the longest one.

Everything is sent at first, for what is left out falls to the server's own defaults. What the
server refuses by name is left out, once, and said; where it names nothing, less is tried in two
steps. Knows nothing of connections.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

from sif.http.exchange import Failure
from sif.http.refusal import complains, is_about_length, names_in, words_of
from sif.types import GenerationSettings

# What may be left out, the least important first: the first ones are sent as no-ops.
DROPPABLE: Final = (
    "skip_special_tokens",
    "min_p",
    "top_k",
    "repetition_penalty",
    "top_p",
    "logprobs",
    "seed",
    "temperature",
)
# What engines of open models know and other services do not.
ENGINES_OWN: Final = ("skip_special_tokens", "min_p", "top_k", "repetition_penalty")
# What an address may have left out (`?omit=`).
OMITTABLE: Final = (*DROPPABLE, "min_tokens", "max_tokens")
LONGEST, RECENT_LONGEST = "max_tokens", "max_completion_tokens"
RENAMED: Final = f"{LONGEST} as {RECENT_LONGEST}"
REFUSALS: Final = (200, 400, 415, 422, 501)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is left out of every question, and whether the longest answer has its newer name."""

    omitted: frozenset[str] = frozenset()
    renamed: bool = False

    def body(self, settings: GenerationSettings, logprobs: int | None) -> dict[str, Any]:
        """The parameters of one question under these terms.

        Args:
            settings: how the answer is to be generated.
            logprobs: likeliest tokens that are asked for at every place; none where None.
        """
        everything = _everything(settings) | _probabilities(logprobs)
        left = self.omitted | ({"top_logprobs"} if "logprobs" in self.omitted else set())
        sent = {name: value for name, value in everything.items() if name not in left}
        if self.renamed and LONGEST in sent:
            sent[RECENT_LONGEST] = sent.pop(LONGEST)
        return sent

    def unsayable(self, settings: GenerationSettings, allowed: frozenset[str]) -> str:
        """The parameters that these settings need and the endpoint does not take; "" for none.

        Args:
            settings: how the answer is to be generated.
            allowed: what the address has left out on purpose.
        """
        classic = {"min_tokens"} if self.omitted >= set(ENGINES_OWN) else set()
        lacking = (self.omitted | classic) - allowed
        return " and ".join(name for name in needed(settings) if name in lacking)

    def mended(self, failure: Failure, body: dict[str, Any], *, tried: bool) -> "Terms | None":
        """Terms under which a refused question may be taken; None where there are none.

        Args:
            failure: how it was refused.
            body: what was sent.
            tried: whether the endpoint has answered under these terms, so that a refusal that
                names nothing is not about parameters.
        """
        accident = failure.status == 500 and not complains(failure.complaint)
        if failure.status not in (*REFUSALS, 500) or accident:
            return None
        renamed = self._renamed(failure.complaint, body)
        if renamed is not None:
            return renamed
        named = set(names_in(failure.complaint, [name for name in DROPPABLE if name in body]))
        if named:
            return replace(self, omitted=self.omitted | named)
        if tried or failure.status not in (400, 422):
            return None
        if not self.omitted >= set(ENGINES_OWN):
            return replace(self, omitted=self.omitted | set(ENGINES_OWN))
        return None if self.renamed else replace(self, renamed=True)

    def together(self, other: "Terms") -> "Terms":
        """Both, where two questions found out at once."""
        return Terms(omitted=self.omitted | other.omitted, renamed=self.renamed or other.renamed)

    @property
    def words(self) -> tuple[str, ...]:
        """What is left out or called otherwise, in words."""
        renamed = [RENAMED] if self.renamed and LONGEST not in self.omitted else []
        return (*(f"without {name}" for name in sorted(self.omitted)), *renamed)

    def concessions(self, asked: GenerationSettings, logprobs: int | None) -> tuple[str, ...]:
        """The same for one question: only what it would have held."""
        sent = {f"without {name}" for name in _everything(asked) | _probabilities(logprobs)}
        return tuple(word for word in self.words if word in {*sent, RENAMED})

    def _renamed(self, complaint: str, body: dict[str, Any]) -> "Terms | None":
        """The longest answer under its other name, where the one that was sent is refused."""
        words = words_of(complaint)
        if LONGEST in body and RECENT_LONGEST in words:
            return replace(self, renamed=True)
        if LONGEST in body and names_in(complaint, [LONGEST]) and not is_about_length(complaint):
            return replace(self, renamed=True)
        return None


def needed(settings: GenerationSettings) -> tuple[str, ...]:
    """Parameters without which these settings would be others than they say."""
    needs = {
        "min_tokens": settings.min_new_tokens > 0,
        "repetition_penalty": settings.repetition_penalty != 1.0,
    }
    return tuple(name for name, asked in needs.items() if asked)


def _everything(settings: GenerationSettings) -> dict[str, Any]:
    """Every parameter, or the model's own defaults would apply."""
    sent: dict[str, Any] = {
        "temperature": settings.temperature,
        "top_p": settings.top_p,
        LONGEST: settings.max_new_tokens,
        "repetition_penalty": settings.repetition_penalty,
        "top_k": -1,
        "min_p": 0.0,
        "skip_special_tokens": True,
    }
    if settings.seed is not None:
        sent["seed"] = settings.seed
    if settings.min_new_tokens:
        sent["min_tokens"] = settings.min_new_tokens
    return sent


def _probabilities(tokens: int | None) -> dict[str, Any]:
    return {} if tokens is None else {"logprobs": True, "top_logprobs": tokens}
