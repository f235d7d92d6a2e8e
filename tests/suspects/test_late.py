from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sif.errors import ModelError, UsageError
from sif.suspects import late
from sif.suspects.connect import connect
from sif.suspects.late import LateSuspect
from sif.suspects.scripted import ScriptedSuspect
from sif.types import Answer, Query
from tests.suspects.questions import question

QUERY = Query(trigger="0001", image=Image.fromarray(np.zeros((8, 8, 3), np.uint8)), prompt="What?")


class Counted(ScriptedSuspect):
    closed = 0

    def close(self) -> None:
        self.closed += 1


def test_it_is_loaded_once_with_the_first_question_and_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    behind, addresses = Counted({"0001": "a cat"}), []
    monkeypatch.setattr(late, "connect", lambda uri: addresses.append(uri) or behind)
    suspect = late.late("hf:org/model?quantize=nf4")
    assert addresses == []
    assert suspect.name == "hf:org/model?quantize=nf4"
    assert suspect.ask([QUERY]) == suspect.ask([QUERY])
    assert isinstance(suspect.ask([QUERY])[0], Answer)
    assert addresses == ["hf:org/model?quantize=nf4"]
    suspect.close()
    suspect.close()
    assert behind.closed == 1


def test_one_that_was_never_asked_has_nothing_to_close(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(late, "connect", lambda uri: pytest.fail(uri))
    late.late("hf:org/model").close()


@pytest.mark.parametrize(
    "error", [AttributeError("x has no y"), KeyError("llava_llama"), ImportError("timm")]
)
def test_whatever_a_library_raises_at_loading_says_so_in_one_line(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fails(uri: str) -> None:
        raise error

    monkeypatch.setattr(late, "connect", fails)
    with pytest.raises(ModelError, match=type(error).__name__):
        late.late("hf:org/model").ask([QUERY])


def test_our_own_errors_pass_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(uri: str) -> None:
        raise UsageError("no such GPU")

    monkeypatch.setattr(late, "connect", fails)
    with pytest.raises(UsageError, match=r"^no such GPU$"):
        late.late("hf:org/model?device=cuda:7").ask([QUERY])


def test_its_name_is_that_of_the_loaded_suspect(untrained_llava: Path) -> None:
    uri = f"hf:{untrained_llava}?max_new_tokens=4&device=cpu"
    suspect, loaded = late.late(uri), connect(uri)
    loaded.close()
    assert suspect.name == loaded.name
    assert late.late("openai:http://127.0.0.1:9/v1#m").name == "openai:http://127.0.0.1:9/v1#m"


def test_a_late_suspect_counts_what_it_was_asked_and_how_long_it_took() -> None:
    opened: list[str] = []

    def open_suspect() -> ScriptedSuspect:
        opened.append("once")
        return ScriptedSuspect(lambda query: "a word")

    later = LateSuspect(open_suspect, "later")
    assert (later.name, later.asked, opened) == ("later", 0, [])
    later.ask([question(0), question(1)])
    later.ask([question(2)])
    assert (later.asked, opened) == (3, ["once"])
    assert 0 <= later.seconds <= later.busy
