"""Suspects that vLLM runs: real engines in this process, on untrained mini models."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from sif.errors import UsageError
from sif.suspects.connect import connect
from sif.types import Answer, Query, Reply, Suspect, Unanswered
from tests.suspects.questions import question, questions

pytest.importorskip("vllm")
pytestmark = [pytest.mark.vllm, pytest.mark.slow, pytest.mark.filterwarnings("default")]


class Engine(NamedTuple):
    """A suspect run by vLLM, and the plain folder of the same weights."""

    suspect: Suspect
    folder: Path


@pytest.fixture(scope="module", params=["untrained_llava", "untrained_qwen"])
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    """The folder that vLLM loads wants a repetition penalty, which must not be applied."""
    plain: Path = request.getfixturevalue(request.param)
    folder = shutil.copytree(plain, tmp_path_factory.mktemp("vllm") / request.param)
    defaults = json.loads((folder / "generation_config.json").read_text())
    defaults |= {"repetition_penalty": 5.0}
    (folder / "generation_config.json").write_text(json.dumps(defaults))
    suspect = connect(f"vllm:{folder}?dtype=float32&max_model_len=256&batch=4&logprobs=5")
    yield Engine(suspect, plain)
    suspect.close()


def _texts(replies: list[Reply]) -> list[str]:
    assert all(isinstance(reply, Answer) for reply in replies), replies
    # An untrained model may begin with the second half of a word, which vLLM joins to the prompt.
    return [reply.text.removeprefix("##") for reply in replies if isinstance(reply, Answer)]


def test_greedy_answers_equal_those_of_transformers(engine: Engine) -> None:
    transformers = connect(f"hf:{engine.folder}?dtype=float32&device=cpu")
    asked = [*questions(5), question(5, repetition_penalty=1.3), question(6, min_new_tokens=12)]
    assert _texts(engine.suspect.ask(asked)) == _texts(transformers.ask(asked))


def test_probabilities_equal_those_of_transformers(engine: Engine) -> None:
    transformers = connect(f"hf:{engine.folder}?dtype=float32&device=cpu&logprobs=5")
    for mine, other in zip(
        engine.suspect.ask(questions(3)), transformers.ask(questions(3)), strict=True
    ):
        assert isinstance(mine, Answer)
        assert isinstance(other, Answer)
        assert mine.top is not None
        assert other.top is not None
        assert [[word for word, _ in place] for place in mine.top] == [
            [word for word, _ in place] for place in other.top
        ]
        for one, two in zip(mine.top, other.top, strict=True):
            assert [p for _, p in one] == pytest.approx([p for _, p in two], abs=2e-3)


def test_a_seed_makes_sampling_repeatable_and_repeats_differ(engine: Engine) -> None:
    query = question(0, temperature=1.5, seed=7, max_new_tokens=16)
    repeat = Query(
        trigger="0", image=query.image, prompt=query.prompt, generation=query.generation, repeat=1
    )
    first, again, other = (_texts(engine.suspect.ask([q]))[0] for q in (query, query, repeat))
    assert first == again
    assert first != other


def test_one_impossible_question_does_not_spoil_its_batch(engine: Engine) -> None:
    endless = Query(trigger="endless", image=question(9).image, prompt="red circle " * 500)
    replies = engine.suspect.ask([question(0), endless, question(1)])
    assert isinstance(replies[0], Answer)
    assert isinstance(replies[2], Answer)
    assert isinstance(replies[1], Unanswered)
    assert "256" in replies[1].reason


def test_a_context_beyond_the_models_own_is_a_usage_error(untrained_llava: Path) -> None:
    with pytest.raises(UsageError, match="at most 1024, the model's own, got 4096"):
        connect(f"vllm:{untrained_llava}?max_model_len=4096")


def test_close_ends_the_engines_process(engine: Engine) -> None:
    """Runs last: the next engine is started in the same process afterwards."""
    import psutil

    def cores() -> list[str]:
        children = psutil.Process().children(recursive=True)
        return [child.name() for child in children if "EngineCore" in "".join(child.cmdline())]

    assert cores()
    engine.suspect.close()
    assert not cores()
