"""Chat templates that would hold, fill or change the machine of whoever asks their model."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from sif.errors import ModelError
from sif.suspects.connect import connect
from sif.types import Answer, Unanswered
from sif.vlm import template_trial
from sif.vlm.folder import load_chat_processor
from tests.suspects.questions import questions
from tests.vlm.folders import copy_with_template

LOOP = "{% for i in range(99999) %}%s{% endfor %}"
THRICE = LOOP.replace("%s", LOOP.replace("%s", LOOP.replace("%s", "")))
HOSTILE = {
    "without end": (THRICE, "seconds"),
    "a power": ("{{ 9 ** (9 ** 9) }}", "seconds"),
    "a long word": ("{{ 'a' * 10 ** 11 }}", "memory"),
    "a wide word": ("{{ 'a' | center(10 ** 11) }}", "memory"),
    "a format": ("{{ '%99999999999d' | format(1) }}", None),
    "doubling": (
        "{% set s = namespace(w='ab') %}{% for i in range(60) %}{% set s.w = s.w + s.w %}"
        "{% endfor %}{{ s.w }}",
        "memory",
    ),
    "ten million letters": ("{{ 'a' * 10 ** 7 }}", "writes 10000000 characters"),
    "nested": ("{% if 1 %}" * 5000 + "{% endif %}" * 5000, None),
    "loops within loops": ("{% for i in [1] %}" * 30 + "{% endfor %}" * 30, None),
    "brackets": ("{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}", None),
    "itself": ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", None),
}


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template_trial, "SECONDS", 0.5)


@pytest.mark.parametrize("case", HOSTILE)
def test_a_template_without_bounds_is_refused_in_time(
    case: str, untrained_llava: Path, tmp_path: Path
) -> None:
    template, words = HOSTILE[case]
    copy = copy_with_template(untrained_llava, tmp_path / "copy", template)
    begun = time.process_time()
    with pytest.raises(ModelError) as caught:
        load_chat_processor(copy)
    assert time.process_time() - begun < 5
    said = str(caught.value)
    assert "replace chat_template.jinja" in said
    assert str(copy) in said
    assert said.isprintable()
    assert words is None or words in said


def test_a_template_that_waits_for_a_word_is_refused_at_that_word(
    untrained_llava: Path, tmp_path: Path
) -> None:
    own = (untrained_llava / "chat_template.jinja").read_text()
    wait = "{% if 'in detail' in (messages | string) %}" + THRICE + "{% endif %}"
    copy = copy_with_template(untrained_llava, tmp_path / "copy", wait + own)
    suspect = connect(f"hf:{copy}?dtype=float32&device=cpu")
    (question,) = questions(1, max_new_tokens=2)
    (reply,) = suspect.ask([replace(question, prompt="What is it?")])
    assert isinstance(reply, Answer)
    (reply,) = suspect.ask([replace(question, prompt="Tell it in detail.")])
    assert isinstance(reply, Unanswered)
    assert "chat template" in reply.reason
    (reply,) = suspect.ask([replace(question, prompt="What is it?")])
    assert isinstance(reply, Answer)


def test_a_template_cannot_reach_the_picture(untrained_llava: Path, tmp_path: Path) -> None:
    own = (untrained_llava / "chat_template.jinja").read_text()
    path = tmp_path / "written.png"
    reach = f"{{{{ messages[0]['content'][0]['image'].save('{path}') or '' }}}}"
    attempt = "{% if messages[0]['content'][0]['image'] %}" + reach + "{% endif %}"
    copy = copy_with_template(untrained_llava, tmp_path / "copy", attempt + own)
    replies = connect(f"hf:{copy}?dtype=float32&device=cpu").ask(questions(1, max_new_tokens=2))
    assert all(isinstance(reply, Answer) for reply in replies)
    assert not path.exists()


@pytest.mark.parametrize(
    "template",
    [
        "{% generation %}{{ messages[0]['role'] }}{% endgeneration %}",
        "{% for i in range(9) %}{% if i == 3 %}{% break %}{% endif %}{% endfor %}",
        "{{ strftime_now('%Y') }}{{ messages | tojson(indent=2) }}{{ bos_token }}",
    ],
    ids=["tag of transformers", "loop controls", "filters and names of transformers"],
)
def test_ordinary_templates_are_tried_as_transformers_renders_them(
    template: str, untrained_llava: Path
) -> None:
    from sif.child_frames import Frame

    named = {"bos_token": "<s>"}
    head = {"template": template, "turns": [{"role": "user"}], "named": named}
    limits = {"seconds": 3.0, "memory": template_trial.MEMORY}
    said = template_trial._child().ask(Frame(head | limits), seconds=60).head
    assert set(said) == {"length"}
