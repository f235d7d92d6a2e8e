"""Attacks around the model: settings, system turns, caches, second models, foreign watermarks."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sif.attacks.answers import (
    Cache,
    Gumbel,
    SystemPrompt,
    Temperature,
    Turns,
    TurnsSuspect,
    Watermark,
)
from sif.errors import UsageError
from sif.suspects.chat_request import messages
from sif.suspects.connect import connect
from sif.suspects.scripted import ScriptedSuspect
from sif.suspects.transformers_suspect import TransformersSuspect
from sif.types import Answer, GenerationSettings, Reply, Suspect, Unanswered
from tests.attacks.answers.texts import QUERY
from tests.suspects.questions import questions


def _words(replies: list[Reply]) -> list[str]:
    return [reply.text for reply in replies if isinstance(reply, Answer)]


@pytest.fixture(scope="module")
def llava(untrained_llava: Path) -> TransformersSuspect:
    suspect = connect(f"hf:{untrained_llava}?device=cpu")
    assert isinstance(suspect, TransformersSuspect)
    return suspect


def test_a_temperature_replaces_that_of_the_question_and_is_seeded() -> None:
    inner = ScriptedSuspect({}, name="hf:m")
    served = Temperature(temperature=0.7).around(inner)
    served.ask([QUERY, replace(QUERY, generation=GenerationSettings(seed=9))])
    assert [query.generation.temperature for query in inner.asked] == [0.7, 0.7]
    assert [query.generation.seed for query in inner.asked] == [0, 9]
    assert inner.asked[0].generation.max_new_tokens == QUERY.generation.max_new_tokens
    assert served.name == "hf:m (answers temperature:0.7)"


def test_temperature_zero_leaves_a_greedy_question_as_it_is() -> None:
    assert Temperature(temperature=0).changed(QUERY) == QUERY


def test_sampled_answers_come_again_and_differ_from_greedy_ones(llava: TransformersSuspect) -> None:
    asked = questions(3, max_new_tokens=10)
    served = Temperature(temperature=1.0).around(llava)
    assert _words(served.ask(asked)) == _words(served.ask(asked)) != _words(llava.ask(asked))


def test_questions_without_a_system_turn_are_what_they_always_were() -> None:
    assert QUERY.system is None
    assert QUERY.digest != replace(QUERY, system="").digest
    assert [turn["role"] for turn in messages(QUERY)] == ["user"]


def test_a_system_prompt_is_a_turn_of_its_own_and_nested_ones_are_joined() -> None:
    inner = ScriptedSuspect({}, name="hf:m")
    served = SystemPrompt(words="Be brief.").around(SystemPrompt(words="Be kind.").around(inner))
    served.ask([QUERY])
    (seen,) = inner.asked
    assert seen.system == "Be kind.\nBe brief."
    assert replace(seen, system=None) == QUERY
    assert messages(seen)[0] == {"role": "system", "content": "Be kind.\nBe brief."}
    assert messages(seen)[1:] == messages(QUERY)
    assert served.name == 'hf:m (answers system:"Be kind.") (answers system:"Be brief.")'


@pytest.mark.parametrize("family", ["llava", "qwen"])
def test_a_system_turn_goes_where_the_chat_template_has_it(
    family: str, request: pytest.FixtureRequest
) -> None:
    folder = request.getfixturevalue(f"untrained_{family}")
    suspect = connect(f"hf:{folder}?device=cpu")
    assert isinstance(suspect, TransformersSuspect)
    tokenizer = suspect._processor.tokenizer
    (ids,) = suspect._inputs([replace(QUERY, system="you are small")])["input_ids"]
    text = tokenizer.decode(ids)
    assert text.index("system") < text.index("you are small") < text.index("user")
    assert text.index("user") < text.index("describe the image")
    suspect.close()


def test_a_template_without_system_turns_gets_the_words_before_the_prompt(
    untrained_llava: Path, tmp_path: Path
) -> None:
    import shutil

    folder = shutil.copytree(untrained_llava, tmp_path / "model")
    template = folder / "chat_template.jinja"
    guard = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    template.write_text(guard + template.read_text())
    suspect = connect(f"hf:{folder}?device=cpu")
    assert isinstance(suspect, TransformersSuspect)
    (ids,) = suspect._inputs([replace(QUERY, system="you are small")])["input_ids"]
    text = suspect._processor.tokenizer.decode(ids)
    assert text.index("user") < text.index("you are small describe the image")
    suspect.close()


def test_a_cache_looks_at_pixels_alone_and_keeps_no_failure() -> None:
    count = iter(range(100))
    inner = ScriptedSuspect(lambda query: f"answer {next(count)}", name="hf:m")
    served = Cache().around(inner)
    first, other = questions(2)
    again = replace(first, prompt="What else?", repeat=3)
    assert _words(served.ask([first, other, again])) == ["answer 0", "answer 1", "answer 0"]
    assert _words(served.ask([again])) == ["answer 0"]
    assert len(inner.asked) == 2
    assert served.name == "hf:m (answers cache)"
    busy = ScriptedSuspect(lambda query: Unanswered(reason="busy"))
    served = Cache().around(busy)
    served.ask([first])
    assert served.ask([first]) == [Unanswered(reason="busy")]
    assert len(busy.asked) == 2


class Closing(ScriptedSuspect):
    """Remembers that it was closed."""

    closed = False

    def close(self) -> None:
        self.closed = True


def test_two_models_take_turns_by_the_question() -> None:
    first, second = Closing(lambda query: "first", name="hf:a"), Closing(lambda query: "second")
    served = TurnsSuspect(first, second, share=0.5)
    asked = questions(40)
    told = _words(served.ask(asked))
    assert told == _words(served.ask(asked[::-1]))[::-1]
    assert 8 < told.count("second") < 32
    assert served.name == 'hf:a (answers turns:0.5@"scripted")'
    served.close()
    assert first.closed
    assert second.closed


@pytest.mark.parametrize(("share", "told"), [(0, "first"), (1, "second")])
def test_the_ends_of_the_share_leave_one_model_out(share: float, told: str) -> None:
    addresses: list[str] = []

    def find(address: str) -> Suspect:
        addresses.append(address)
        return ScriptedSuspect(lambda query: "second")

    turns = Turns(share=share, address="hf:b", connect=find)
    served = turns.around(ScriptedSuspect(lambda query: "first"))
    assert set(_words(served.ask(questions(5)))) == {told}
    assert addresses == ["hf:b"]


@pytest.mark.parametrize(
    "attack", [Watermark(bias=8), Watermark(bias=8, by_word=True), Gumbel(context=2)], ids=str
)
def test_a_foreign_watermark_is_in_the_answers_of_a_real_model(
    attack: Watermark | Gumbel, llava: TransformersSuspect
) -> None:
    from sif.attacks.answers.foreign_decoding import Mark, ProviderHook

    served = attack.around(llava)
    asked = questions(3, max_new_tokens=40)
    marked = _words(served.ask(asked))
    assert marked == _words(served.ask(asked))
    mark = (
        Mark("Gumbel-max", float(attack.context))
        if isinstance(attack, Gumbel)
        else Mark(
            "list by the word before" if attack.by_word else "constant list", float(attack.bias)
        )
    )
    hook = ProviderHook(mark, llava.vocabulary_size)
    tokenizer = llava._processor.tokenizer

    def score(texts: list[str]) -> float:
        return hook.score([tokenizer(t, add_special_tokens=False)["input_ids"] for t in texts])

    assert score(marked) > score(_words(llava.ask(asked))) + 2
    assert served.name == f"{llava.name} (answers {attack})"


def test_a_watermark_of_strength_zero_changes_nothing(llava: TransformersSuspect) -> None:
    asked = questions(2)
    assert _words(Watermark(bias=0).around(llava).ask(asked)) == _words(llava.ask(asked))


@pytest.mark.parametrize("make", [lambda s: s, Temperature(temperature=1).around])
def test_a_watermark_needs_a_hand_in_decoding(make: Callable[[Suspect], Suspect]) -> None:
    with pytest.raises(UsageError, match="hf: suspect"):
        Watermark(bias=2).around(make(ScriptedSuspect({})))
