import pickle

import pytest
from PIL import Image
from pydantic import ValidationError

from sif.types import GenerationSettings, Query
from tests.suspects.questions import question


def test_a_question_without_a_minimum_is_the_one_that_old_journals_hold() -> None:
    plain = question(0, temperature=0.5, seed=3)
    assert plain.digest == "580948ee0e2fe27d03b496ebf11d249aa089a6dfb418348a44222fbde9e84e2a"
    assert question(0, temperature=0.5, seed=3, min_new_tokens=0).digest == plain.digest
    assert question(0, temperature=0.5, seed=3, min_new_tokens=5).digest != plain.digest


def test_a_minimum_is_written_down_and_read_back() -> None:
    settings = GenerationSettings(min_new_tokens=60)
    assert GenerationSettings.model_validate_json(settings.model_dump_json()) == settings
    assert "min_new_tokens" not in GenerationSettings().model_dump_json()


def test_no_minimum_is_above_the_longest_answer() -> None:
    assert GenerationSettings(max_new_tokens=60, min_new_tokens=60).min_new_tokens == 60
    with pytest.raises(ValidationError, match="at most max_new_tokens, 60 here, got 61"):
        GenerationSettings(max_new_tokens=60, min_new_tokens=61)


def test_a_picture_is_read_whenever_it_is_looked_at() -> None:
    picture, read = Image.new("RGB", (4, 4), (9, 8, 7)), list[str]()

    def reading() -> Image.Image:
        read.append("once")
        return picture

    late = Query(trigger="0001", image=reading, prompt="What?")
    other = late.changed(prompt="Where?", repeat=2)
    assert not read
    assert (other.trigger, other.prompt, other.repeat) == ("0001", "Where?", 2)
    assert late.image is other.image is picture
    assert len(read) == 2
    here = Query(trigger="0001", image=picture, prompt="What?")
    assert here == late
    assert here.digest == late.digest
    assert other.about(picture, prompt="What?", repeat=0) == here
    assert pickle.loads(pickle.dumps(here)) == here
    with pytest.raises(TypeError, match="image"):
        Query(trigger="0001", prompt="What?")  # type: ignore[call-arg]
