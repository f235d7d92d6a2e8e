"""A model's own generation defaults shape neither the maker's answers nor the suspect's."""

import json
from pathlib import Path

import pytest

from sif.suspects.connect import connect
from sif.types import Answer, GenerationSettings
from sif.vlm.model import Vlm
from tests.suspects.questions import questions
from tests.vlm.folders import copy_with_json

DEFAULTS = {
    "num_beams": 4,
    "num_return_sequences": 2,
    "no_repeat_ngram_size": 2,
    "encoder_no_repeat_ngram_size": 2,
    "bad_words_ids": [[30], [31]],
    "forced_eos_token_id": 9,
    "forced_bos_token_id": 8,
    "stop_strings": ["a", "e"],
    "suppress_tokens": list(range(20, 300)),
    "begin_suppress_tokens": list(range(20, 300)),
    "sequence_bias": [[[40], -9.0]],
    "min_length": 50,
    "max_length": 20,
    "max_new_tokens": 2,
    "min_new_tokens": 1,
    "do_sample": True,
    "temperature": 3.0,
    "top_k": 2,
    "top_p": 0.1,
    "min_p": 0.9,
    "typical_p": 0.2,
    "repetition_penalty": 3.0,
    "guidance_scale": 3.0,
    "length_penalty": 5.0,
    "max_time": 0.0,
    "prompt_lookup_num_tokens": 3,
    "cache_implementation": "static",
    "watermarking_config": {"greenlist_ratio": 0.25, "bias": 9.0},
}


@pytest.fixture(scope="module")
def opinionated(untrained_llava: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("models") / "opinionated"
    return copy_with_json(untrained_llava, copy, "generation_config.json", **DEFAULTS)


def made(folder: Path, settings: GenerationSettings) -> list[str]:
    vlm = Vlm.load(folder, device="cpu")
    asked = questions(2)
    answers = vlm.generate([q.image for q in asked], [q.prompt for q in asked], settings)
    return [vlm.decode(ids) for ids in answers]


@pytest.mark.parametrize("more", [{}, {"min_new_tokens": 10, "repetition_penalty": 1.5}])
def test_making_and_asking_follow_the_asked_settings_alone(
    more: dict[str, float], untrained_llava: Path, opinionated: Path
) -> None:
    settings = GenerationSettings.model_validate({"max_new_tokens": 12} | more)
    plain = made(untrained_llava, settings)
    assert made(opinionated, settings) == plain
    suspect = connect(f"hf:{opinionated}?dtype=float32&device=cpu")
    replies = suspect.ask(questions(2, **more))
    assert [reply.text for reply in replies if isinstance(reply, Answer)] == plain


def test_the_defaults_are_there_again_afterwards(opinionated: Path) -> None:
    vlm = Vlm.load(opinionated, device="cpu")
    before = vlm.model.generation_config.to_dict()
    asked = questions(1)
    vlm.generate([asked[0].image], ["What is it?"], GenerationSettings(max_new_tokens=2))
    assert vlm.model.generation_config.to_dict() == before
    assert before["num_beams"] == DEFAULTS["num_beams"]


def test_every_end_that_a_model_names_ends_an_answer(untrained_llava: Path, tmp_path: Path) -> None:
    vocabulary = json.loads((untrained_llava / "config.json").read_text())["text_config"]
    ends = list(range(2, vocabulary["vocab_size"]))
    copy = copy_with_json(
        untrained_llava, tmp_path / "copy", "generation_config.json", eos_token_id=ends
    )
    vlm = Vlm.load(copy, device="cpu")
    (answer,) = vlm.generate([questions(1)[0].image], ["?"], GenerationSettings(max_new_tokens=9))
    assert len(answer) <= 1
