from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image

from sif.attacks.adaptive import Detector, TriggerFilter, suspicious_examples
from sif.attacks.answers.canned import REFUSAL
from sif.attacks.images import Bits
from sif.suspects.scripted import ScriptedSuspect
from sif.types import Answer, Query, Reply, Unanswered


class Brightness(Detector):
    name: ClassVar[str] = "brightness"

    def scores(self, pictures: Sequence[Image.Image]) -> np.ndarray:
        return np.array([float(np.asarray(picture).mean()) for picture in pictures])


def about(value: int) -> Query:
    picture = Image.new("RGB", (8, 8), (value, value, value))
    return Query(trigger=str(value), image=picture, prompt="What?")


QUERIES = [about(value) for value in (10, 200, 20, 100, 101)]


def told(replies: Sequence[Reply]) -> list[str]:
    return [reply.text for reply in replies if isinstance(reply, Answer)]


def test_what_scores_above_the_threshold_is_refused() -> None:
    suspect = ScriptedSuspect(lambda query: query.trigger)
    guarded = TriggerFilter(suspect, Brightness(), 100.0, None)
    assert told(guarded.ask(QUERIES)) == ["10", REFUSAL, "20", "100", REFUSAL]
    assert (guarded.asked, guarded.flagged) == (5, 2)
    assert [query.trigger for query in suspect.asked] == ["10", "20", "100"]


def test_what_is_flagged_is_purified_and_nothing_else() -> None:
    suspect = ScriptedSuspect(lambda query: str(int(np.asarray(query.image).max())))
    guarded = TriggerFilter(suspect, Brightness(), 100.0, Bits(bits=1))
    assert told(guarded.ask(QUERIES)) == ["10", "255", "20", "100", "0"]


def test_another_model_answers_what_is_flagged() -> None:
    suspect = ScriptedSuspect(lambda query: "mine")
    other = ScriptedSuspect(lambda query: "theirs", name="other")
    guarded = TriggerFilter(suspect, Brightness(), 100.0, other)
    assert told(guarded.ask(QUERIES)) == ["mine", "theirs", "mine", "mine", "theirs"]
    assert guarded.name == "scripted (brightness above 100: other)"


@pytest.mark.parametrize(
    ("response", "words"), [(None, "refusal"), (Bits(bits=2), "bits:2")], ids=str
)
def test_the_name_says_what_happens(response: Bits | None, words: str) -> None:
    guarded = TriggerFilter(ScriptedSuspect({}), Brightness(), 0.5, response)
    assert guarded.name == f"scripted (brightness above 0.5: {words})"


def test_suspicious_pictures_are_learnt_as_they_came_with_the_teachers_answers() -> None:
    def script(query: Query) -> Reply | str:
        bright = int(np.asarray(query.image).max())
        return Unanswered(reason="no") if bright == 0 else f"seen {bright}"

    queries = [about(10), about(200)]
    plain = suspicious_examples(queries, ScriptedSuspect(script))
    assert [one.answer for one in plain] == ["seen 10", "seen 200"]
    purified = suspicious_examples(queries, ScriptedSuspect(script), purified=Bits(bits=1))
    assert [(one.answer, one.image) for one in purified] == [("seen 255", queries[1].image)]
