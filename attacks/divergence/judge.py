"""The signal `judge`: a multimodal model looks at picture, question and answer, and says 0 or 1.

The strong variant of the attack (Zhao, Lou, Zheng, arXiv 2604.17041, ask GPT-4.1). Any suspect can
judge, an `openai:` endpoint first of all, which retries and reports its tokens. A judge that will
not or cannot tell flags nothing, and is counted. Knows nothing of endpoints.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from sif.attacks.divergence.exchange import Exchange, at_once
from sif.attacks.divergence.judge_reply import is_refusal, read_verdict
from sif.attacks.divergence.signal import Side, Signal
from sif.prompts import load_judge
from sif.suspects.usage import Usage
from sif.types import Answer, GenerationSettings, Query, Reply, Suspect

View = Literal["alone", "beside"]
GENERATION: Final = GenerationSettings(max_new_tokens=512)
ATTEMPTS: Final = 2


class Judged(BaseModel):
    """What a judge did.

    Attributes:
        questions: put to it, second attempts included.
        judged: exchanges that it gave a verdict on.
        refused: exchanges that it declined to judge.
        unclear: exchanges on which its words held no verdict.
        failed: exchanges on which no reply came.
        requests: that reached the endpoint and were answered; others came from the journal.
        prompt_tokens: of those requests, as the endpoint counts.
        completion_tokens: the same.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    questions: int = 0
    judged: int = 0
    refused: int = 0
    unclear: int = 0
    failed: int = 0
    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0


class Judge(Signal):
    """A model's verdict on each answer.

    Args:
        model: who judges; put a `Journalled` around it to ask nothing twice.
        view: `alone` shows the suspect's answer, `beside` the reference's too.
        usage: what the model's answers cost so far, where that is known.
    """

    name = "judge"
    side = Side.ABOVE
    own_limit = 0.5

    def __init__(
        self, model: Suspect, *, view: View = "alone", usage: Callable[[], Usage] = Usage
    ) -> None:
        self._model = model
        self._view = view
        self._usage = usage
        self._counts = dict.fromkeys(("judged", "refused", "unclear", "failed"), 0)

    @property
    def figures(self) -> Judged:
        """What it did so far."""
        return Judged(questions=self.passes, **self._counts, **self._usage()._asdict())

    def measure(self, exchanges: Sequence[Exchange]) -> list[float | None]:
        """1 where the judge would flag an answer, 0 where not; None where it does not tell.

        Raises:
            SuspectError: the judge cannot be reached.
        """
        values: list[float | None] = [None] * len(exchanges)
        open_ = {row: text for row, one in enumerate(exchanges) if (text := self._prompt(one))}
        replies: dict[int, Reply] = {}
        for attempt in range(ATTEMPTS):
            queries = (_question(exchanges[row], text, attempt) for row, text in open_.items())
            told = [reply for some in at_once(queries) for reply in self._model.ask(some)]
            self.passes += len(told)
            replies |= zip(open_, told, strict=True)
            for row in list(open_):
                verdict = _verdict(replies[row])
                if verdict is not None:
                    values[row] = float(verdict)
                if verdict is not None or not isinstance(replies[row], Answer):
                    del open_[row]
        for reply in replies.values():
            self._counts[_outcome(reply)] += 1
        return values

    def _prompt(self, one: Exchange) -> str | None:
        """The words of the question; None where there is nothing to judge."""
        if not isinstance(one.suspect, Answer):
            return None
        parts = {"question": one.prompt, "answer": one.suspect.text}
        if self._view == "beside":
            if not isinstance(one.reference, Answer):
                return None
            parts["reference"] = one.reference.text
        text: str = getattr(load_judge(), self._view)
        return _filled(text, parts)


def _question(one: Exchange, text: str, attempt: int) -> Query:
    words = text + load_judge().again if attempt else text
    return replace(one.query, prompt=words, generation=GENERATION, repeat=attempt)


def _filled(text: str, parts: dict[str, str]) -> str:
    """Each name in braces by its part; what a part holds in braces stays."""
    pieces = text.split("{")
    filled = [pieces[0]]
    for piece in pieces[1:]:
        name, brace, rest = piece.partition("}")
        filled.append(parts[name] + rest if brace and name in parts else "{" + piece)
    return "".join(filled)


def _verdict(reply: Reply) -> bool | None:
    return read_verdict(reply.text) if isinstance(reply, Answer) else None


def _outcome(reply: Reply) -> str:
    if not isinstance(reply, Answer):
        declined = "refused" in reply.reason or "content filter" in reply.reason
        return "refused" if declined else "failed"
    if read_verdict(reply.text) is not None:
        return "judged"
    return "refused" if is_refusal(reply.text) else "unclear"
