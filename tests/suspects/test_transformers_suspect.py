"""Suspects that transformers runs, on untrained mini models."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TypeGuard

import numpy as np
import pytest
import torch
from PIL import Image

from sif.attacks.weights.quantize import Quantize
from sif.attacks.weights.theft import steal
from sif.errors import ModelError, UsageError
from sif.suspects.connect import connect
from sif.suspects.weights import weights_digest
from sif.types import Answer, Query, Reply, Suspect, Unanswered
from tests.suspects.questions import question, questions
from tests.vlm.folders import copy_with_json


@pytest.fixture(scope="module", params=["untrained_llava", "untrained_qwen"])
def folder(request: pytest.FixtureRequest) -> Path:
    path: Path = request.getfixturevalue(request.param)
    return path


@pytest.fixture(scope="module")
def suspect(folder: Path) -> Iterator[Suspect]:
    suspect = connect(f"hf:{folder}?dtype=float32&device=cpu&batch=3")
    yield suspect
    suspect.close()


def _texts(replies: list[Reply]) -> list[str]:
    assert all(isinstance(reply, Answer) for reply in replies), replies
    return [reply.text for reply in replies if isinstance(reply, Answer)]


def test_answers_do_not_depend_on_the_company_in_the_batch(suspect: Suspect) -> None:
    asked = [
        question(0),
        question(1, max_new_tokens=5),
        Query(trigger="2", image=question(2).image, prompt="How many objects are there?"),
        question(3),
        question(4),
    ]
    together = _texts(suspect.ask(asked))
    alone = [_texts(suspect.ask([query]))[0] for query in asked]
    assert together == alone


def test_only_new_words_are_returned(suspect: Suspect) -> None:
    reply = suspect.ask([question(0, max_new_tokens=6)])[0]
    assert isinstance(reply, Answer)
    assert reply.finish_reason == "length"
    assert 1 <= len(reply.text.split()) <= 6
    assert "describe" not in reply.text
    assert "<" not in reply.text


def test_no_answer_ends_before_its_minimum(folder: Path, tmp_path: Path) -> None:
    eager = shutil.copytree(folder, tmp_path / "eager")
    defaults = json.loads((eager / "generation_config.json").read_text())
    vocabulary = json.loads((eager / "config.json").read_text())["text_config"]["vocab_size"]
    defaults |= {"eos_token_id": list(range(vocabulary // 2))}
    (eager / "generation_config.json").write_text(json.dumps(defaults))
    free, bound = (connect(f"hf:{eager}?dtype=float32{more}") for more in ("", "&min_tokens=12"))
    asked = questions(6)
    assert "stop" in {reply.finish_reason for reply in free.ask(asked) if _came(reply)}
    assert {reply.finish_reason for reply in bound.ask(asked) if _came(reply)} == {"length"}
    assert bound.name.endswith("min_tokens=12")


def _came(reply: Reply) -> TypeGuard[Answer]:
    return isinstance(reply, Answer)


def test_a_seed_makes_sampling_repeatable_and_repeats_differ(suspect: Suspect) -> None:
    query = question(0, temperature=1.5, seed=7, max_new_tokens=16)
    repeat = Query(
        trigger="0", image=query.image, prompt=query.prompt, generation=query.generation, repeat=1
    )
    state = torch.get_rng_state()
    first, again, other = (_texts(suspect.ask([asked]))[0] for asked in (query, query, repeat))
    assert first == again
    assert first != other
    assert torch.equal(torch.get_rng_state(), state)


def test_pictures_of_any_size_and_mode_are_taken(suspect: Suspect) -> None:
    pictures = [
        Image.fromarray(np.full((200, 90), 128, dtype=np.uint8)),
        Image.new("RGBA", (64, 150), (10, 20, 30, 40)),
    ]
    asked = [Query(trigger=str(n), image=picture, prompt="?") for n, picture in enumerate(pictures)]
    assert len(_texts(suspect.ask(asked))) == 2


def test_the_name_tells_weights_apart(folder: Path, suspect: Suspect) -> None:
    assert suspect.name == f"hf:{folder}@{weights_digest(str(folder))}?dtype=float32"


def test_the_models_own_generation_defaults_are_not_applied(
    untrained_llava: Path, tmp_path: Path
) -> None:
    changed = shutil.copytree(untrained_llava, tmp_path / "changed")
    defaults = json.loads((changed / "generation_config.json").read_text())
    defaults |= {"repetition_penalty": 5.0, "do_sample": True, "temperature": 2.0, "top_k": 3}
    (changed / "generation_config.json").write_text(json.dumps(defaults))
    plain, loaded = (connect(f"hf:{path}?dtype=float32") for path in (untrained_llava, changed))
    assert _texts(plain.ask(questions(2))) == _texts(loaded.ask(questions(2)))
    assert plain.name.split("@")[1] != loaded.name.split("@")[1]
    penal = plain.ask(questions(2, repetition_penalty=5.0))
    assert _texts(penal) != _texts(plain.ask(questions(2)))


def test_one_impossible_question_does_not_spoil_its_batch(untrained_qwen: Path) -> None:
    suspect = connect(f"hf:{untrained_qwen}?dtype=float32")
    thread = Query(trigger="thread", image=Image.new("RGB", (3000, 2)), prompt="?")
    replies = suspect.ask([question(0), thread, question(1)])
    assert isinstance(replies[0], Answer)
    assert isinstance(replies[2], Answer)
    assert isinstance(replies[1], Unanswered)
    assert "aspect ratio" in replies[1].reason
    assert "fit" not in replies[1].reason
    alone = connect(f"hf:{untrained_qwen}?dtype=float32").ask([thread])[0]
    assert isinstance(alone, Unanswered)
    assert "fit" not in alone.reason


def test_stored_quantised_weights_are_not_quantised_again(
    untrained_llava: Path, tmp_path: Path
) -> None:
    settings = {"quant_method": "bitsandbytes", "load_in_4bit": True}
    copy = copy_with_json(
        untrained_llava, tmp_path / "copy", "config.json", quantization_config=settings
    )
    with pytest.raises(UsageError, match="quantised to 4 bits by bitsandbytes already; leave"):
        connect(f"hf:{copy}?quantize=int8")


def test_what_a_processor_fails_with_is_the_reason_of_each_question(
    untrained_llava: Path, tmp_path: Path
) -> None:
    copy = copy_with_json(untrained_llava, tmp_path / "copy", "processor_config.json", patch_size=0)
    replies = connect(f"hf:{copy}?dtype=float32&device=cpu").ask(questions(2, max_new_tokens=3))
    for reply in replies:
        assert isinstance(reply, Unanswered)
        assert reply.reason.startswith("ZeroDivisionError")
        assert "files do not fit each other" in reply.reason


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("kind", ["int8", "nf4"])
def test_weights_can_be_quantised_at_load(untrained_llava: Path, kind: str) -> None:
    suspect = connect(f"hf:{untrained_llava}?quantize={kind}&device=cpu")
    kinds = {type(module).__name__ for module in suspect._model.modules()}  # type: ignore[attr-defined]
    assert kinds & {"Linear8bitLt", "Linear4bit"}
    assert len(_texts(suspect.ask(questions(1)))) == 1
    assert suspect.name.endswith(f"?quantize={kind}")


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_widths_that_the_4_bit_kernels_cannot_take_answer_as_the_stored_copy_does(
    untrained_qwen: Path, tmp_path: Path
) -> None:
    steal(str(untrained_qwen), tmp_path / "nf4", [Quantize(kind="nf4")])
    live = connect(f"hf:{untrained_qwen}?quantize=nf4&device=cpu")
    stored = connect(f"hf:{tmp_path / 'nf4'}?device=cpu")
    assert _texts(live.ask(questions(3))) == _texts(stored.ask(questions(3)))


def test_a_model_without_a_chat_template_is_refused_with_a_hint(
    untrained_llava: Path, tmp_path: Path
) -> None:
    bare = shutil.copytree(untrained_llava, tmp_path / "bare")
    (bare / "chat_template.jinja").unlink()
    with pytest.raises(ModelError, match=r"add chat_template\.jinja"):
        connect(f"hf:{bare}")


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_a_device_that_is_not_there_is_a_usage_error(untrained_llava: Path) -> None:
    with pytest.raises(UsageError, match="got cuda:0 of 0 GPUs"):
        connect(f"hf:{untrained_llava}?device=cuda:0")


def test_digests_of_large_files_see_a_change_in_the_middle(tmp_path: Path) -> None:
    weights = tmp_path / "model.safetensors"
    with weights.open("wb") as stream:
        stream.truncate(80 * 2**20)
    before = weights_digest(str(tmp_path))
    with weights.open("r+b") as stream:
        stream.seek(30 * 2**20)
        stream.write(b"\x01" * (12 * 2**20))
    assert weights_digest(str(tmp_path)) != before
    assert weights_digest("some/hub-id") is None


def test_probabilities_come_where_they_are_asked_for(folder: Path, suspect: Suspect) -> None:
    asked = questions(3)
    candid = connect(f"hf:{folder}?dtype=float32&device=cpu&batch=2&logprobs=4")
    assert candid.name == suspect.name + "&logprobs=4"
    replies = candid.ask(asked)
    assert _texts(replies) == _texts(suspect.ask(asked))
    for reply in replies:
        assert isinstance(reply, Answer)
        assert reply.top is not None
        assert len(reply.top) == 12 or reply.finish_reason == "stop"
        for place in reply.top:
            chances = [chance for _, chance in place]
            assert 1 <= len(place) <= 4
            assert chances == sorted(chances, reverse=True)
            assert sum(np.exp(chances)) <= 1.001
        assert reply.text.startswith(reply.top[0][0][0].strip())
    assert all(isinstance(r, Answer) and r.top is None for r in suspect.ask(asked))


def test_probabilities_end_with_the_answer(folder: Path) -> None:
    suspect = connect(f"hf:{folder}?dtype=float32&device=cpu&logprobs=1&temperature=1.5&seed=1")
    replies = suspect.ask(questions(8, max_new_tokens=300))
    lengths = [len(r.top) for r in replies if isinstance(r, Answer) and r.top is not None]
    ended = [r.finish_reason == "stop" for r in replies if isinstance(r, Answer)]
    assert any(ended)
    for length, end in zip(lengths, ended, strict=True):
        assert length == 300 or (end and length < 300)
