"""Judge and paraphraser, who are in no roster: tried before anything is made, which takes hours.

Of a local model everything but the weights is read; an endpoint is asked one easy question, as it
will be asked later. Knows nothing of triggers.
"""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from PIL import Image

from sif.attacks.answers.attack import Occasion
from sif.attacks.answers.paraphrase import Paraphrase
from sif.attacks.divergence import Judge
from sif.attacks.divergence.exchange import Exchange
from sif.errors import ModelError, SuspectError, UsageError
from sif.eval.paper.plans import PaperSettings
from sif.eval.paper.served import judge_file
from sif.eval.triggers.machine import devices_fault, is_offline, vllm_fault
from sif.eval.triggers.requirements import place_of
from sif.eval.triggers.roster import Roster
from sif.suspects.connect import connect
from sif.suspects.uri import SuspectAddress, TransformersOptions
from sif.types import Answer, Query, Reply, Suspect, Unanswered
from sif.visible import quoted
from sif.vlm.folder import load_chat_processor

GREY: Final = Image.new("RGB", (64, 64), (128, 128, 128))
QUESTION: Final = "What colour is this picture?"
ANSWER: Final = "The whole picture is of one colour, a plain grey."


def files_fault(address: str) -> str | None:
    """What is wrong with a local model before it is read; none of an endpoint. Fetches nothing."""
    there = SuspectAddress.parse(address)
    if there.scheme == "openai":
        return None
    hosted = there.options if isinstance(there.options, TransformersOptions) else None
    faults = [vllm_fault() if hosted is None else devices_fault(hosted.device)]
    if hosted is None or hosted.base is None:
        place = place_of(there.target)
        faults.append(place.words if place.state == "missing" else None)
        if place.state == "download" and is_offline():
            faults.append(
                f"expected {there.target} at hand, as downloads are off, got what is "
                f"{place.words}; unset HF_HUB_OFFLINE, or name a folder"
            )
    return next((fault for fault in faults if fault), None)


def refuse_unfit(settings: PaperSettings, rosters: Sequence[Roster], out: Path) -> None:
    """Makes sure that judge and paraphraser do their work.

    A judge who has begun is not asked again: what stands before his part is done by then.

    Args:
        settings: of the study.
        rosters: whose sources are judged.
        out: the study's folder.

    Raises:
        UsageError: one of them is not there, or does not answer as it should.
    """
    if settings.paraphrase is not None and (fault := _paraphrase_fault(settings.paraphrase)):
        raise UsageError(f"--set paraphrase: {fault}")
    begun = all(judge_file(roster, out).exists() for roster in rosters)
    if settings.judge is not None and not begun and (fault := _judge_fault(settings.judge)):
        raise UsageError(f"--set judge: {fault}")


def _judge_fault(address: str) -> str | None:
    there = SuspectAddress.parse(address)
    if there.scheme != "openai":
        if fault := files_fault(address):
            return fault
        options = there.options
        base = options.base if isinstance(options, TransformersOptions) else None
        try:
            load_chat_processor(there.target, base=base)
        except ModelError as error:
            return str(error)
        return None
    try:
        with closing(_Heard(connect(address))) as model:
            said = Answer(text=ANSWER)
            asked = [Query(trigger="one easy question", image=GREY, prompt=QUESTION)]
            one = Exchange(queries=asked, place=0, prompt=QUESTION, suspect=said, reference=said)
            (value,) = Judge(model).measure([one])
    except SuspectError as error:
        return str(error)
    if value is not None:
        return None
    if isinstance(model.last, Answer):
        got = f"{quoted(model.last.text, longest=80)}; name a model that follows instructions"
    else:
        got = "none" if model.last is None else model.last.reason
    return f"expected a verdict on one easy answer, got {got}"


def _paraphrase_fault(address: str) -> str | None:
    try:
        words = Paraphrase(address=address).attacked(ANSWER, Occasion(digest="", seed=0))
    except SuspectError as error:
        return str(error)
    if isinstance(words, Unanswered):
        return f"expected one easy answer in other words, got none: {words.reason}"
    return None


class _Heard:
    """Another suspect, whose last reply is remembered."""

    def __init__(self, suspect: Suspect) -> None:
        self._suspect = suspect
        self.last: Reply | None = None

    @property
    def name(self) -> str:
        return self._suspect.name

    def ask(self, queries: Sequence[Query]) -> list[Reply]:
        replies = self._suspect.ask(queries)
        self.last = replies[-1] if replies else None
        return replies

    def close(self) -> None:
        self._suspect.close()
