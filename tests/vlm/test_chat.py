"""Chat templates as folders have them: mended where the meaning is plain, refused otherwise."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from sif.errors import ModelError
from sif.suspects.connect import connect
from sif.types import Answer, Query
from sif.vlm.chat import spell, takes_system_turns
from sif.vlm.folder import load_chat_processor
from sif.vlm.model import Vlm
from tests.suspects.questions import questions
from tests.vlm.folders import copy_with_json, copy_with_template

WORDS_ALONE = "{% for m in messages %}{{ m['role'] + ': ' + m['content'] }}{% endfor %}"
PRINTING = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }} {% endfor %}"
PARTS = (
    "{% for m in messages %}{{ m['role'] }}: {% for c in m['content'] %}%s{% endfor %}{% endfor %}"
)
TEXT = "{% if c['type'] == 'text' %}{{ c['text'] }}{% endif %}"
IMAGE = "{% if c['type'] == 'image' %}<image>{% endif %}"
NO_SYSTEM = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}"
REFUSED = {
    "strict": ("{{ raise_exception('roles must alternate') }}", "roles must alternate"),
    "no image": (PARTS.replace("%s", TEXT), "drops the picture"),
    "no words": (PARTS.replace("%s", IMAGE), "writes the words 0 times"),
    "words twice": (PARTS.replace("%s", IMAGE + TEXT + TEXT), "writes the words 2 times"),
    "image twice": (PARTS.replace("%s", IMAGE + IMAGE + TEXT), "marks the picture 2 times"),
    "chance": ("{{ range(10**5) | random }}" + PARTS.replace("%s", IMAGE + TEXT), "each time"),
    "broken": ("{% for m in messages %}", "refuses it"),
    "division": ("{{ 1 // 0 }}", "refuses it"),
    "terminal codes": ("{{ raise_exception('\x1b[2Jred') }}", r"\x1b[2Jred"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_template_that_cannot_ask_about_a_picture_is_refused_with_the_reason(
    case: str, untrained_llava: Path, tmp_path: Path
) -> None:
    template, reason = REFUSED[case]
    copy = copy_with_template(untrained_llava, tmp_path / "copy", template)
    with pytest.raises(ModelError, match="replace chat_template") as caught:
        load_chat_processor(copy)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("template", [WORDS_ALONE, PRINTING])
def test_a_template_for_words_alone_gets_the_pictures_mark_before_the_words(
    template: str, untrained_llava: Path, tmp_path: Path
) -> None:
    copy = copy_with_template(untrained_llava, tmp_path / "copy", template)
    vlm = Vlm.load(copy, device="cpu")
    assert vlm.chat_text("what is it ?").strip() == "user: <image>\nwhat is it ?"
    replies = connect(f"hf:{copy}?dtype=float32&device=cpu").ask(questions(2, max_new_tokens=3))
    assert all(isinstance(reply, Answer) for reply in replies), replies


def test_a_mark_that_the_processor_does_not_know_becomes_its_own(
    untrained_llava: Path, tmp_path: Path
) -> None:
    own = (untrained_llava / "chat_template.jinja").read_text()
    other = own.replace("<image>", "<|image_pad|>")
    vlm = Vlm.load(copy_with_template(untrained_llava, tmp_path / "copy", other), device="cpu")
    assert vlm.chat_text("what is it ?") == spell(
        load_chat_processor(untrained_llava), "what is it ?"
    )
    parts_only = PARTS.replace("%s", IMAGE.replace("<image>", "<pic>") + TEXT)
    with pytest.raises(ModelError, match=r"none of its processor's own tokens \(<image>"):
        load_chat_processor(copy_with_template(untrained_llava, tmp_path / "other", parts_only))


def test_the_mark_of_a_picture_stands_in_its_frame(untrained_qwen: Path, tmp_path: Path) -> None:
    copy = copy_with_template(untrained_qwen, tmp_path / "copy", WORDS_ALONE)
    text = load_chat_processor(copy).apply_chat_template(
        [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "hi"}]}]
    )
    assert text == "user: <|vision_start|><|image_pad|><|vision_end|>\nhi"


def test_a_template_of_the_tokenizer_alone_is_used(untrained_llava: Path, tmp_path: Path) -> None:
    template = (untrained_llava / "chat_template.jinja").read_text()
    copy = copy_with_json(
        untrained_llava, tmp_path / "copy", "tokenizer_config.json", chat_template=template
    )
    (copy / "chat_template.jinja").unlink()
    own, other = (load_chat_processor(folder) for folder in (untrained_llava, copy))
    assert own.chat_template == other.chat_template


def test_a_template_that_refuses_system_turns_gets_their_words_in_the_users(
    untrained_llava: Path, tmp_path: Path
) -> None:
    template = NO_SYSTEM + (untrained_llava / "chat_template.jinja").read_text()
    copy = copy_with_template(untrained_llava, tmp_path / "copy", template)
    assert takes_system_turns(load_chat_processor(untrained_llava))
    assert not takes_system_turns(load_chat_processor(copy))
    asked = questions(1, max_new_tokens=3)[0]
    told = Query(
        trigger="told",
        image=asked.image,
        prompt=asked.prompt,
        generation=asked.generation,
        system="answer in one word",
    )
    (reply,) = connect(f"hf:{copy}?dtype=float32&device=cpu").ask([told])
    assert isinstance(reply, Answer)


@pytest.mark.parametrize(
    "gone", [("patch_size",), ("patch_size", "num_additional_image_tokens")], ids=len
)
def test_a_processor_without_a_patch_size_takes_the_models(
    gone: tuple[str, ...], untrained_llava: Path, tmp_path: Path
) -> None:
    nothing = dict.fromkeys((*gone, "vision_feature_select_strategy"))
    copy = copy_with_json(untrained_llava, tmp_path / "copy", "processor_config.json", **nothing)
    own, other = (load_chat_processor(folder) for folder in (untrained_llava, copy))
    for name in ("patch_size", "num_additional_image_tokens", "vision_feature_select_strategy"):
        assert getattr(own, name) == getattr(other, name)


def test_a_processor_of_words_alone_is_refused(untrained_llava: Path, tmp_path: Path) -> None:
    copy = copy_with_json(
        untrained_llava, tmp_path / "copy", "processor_config.json", processor_class="Martian"
    )
    with pytest.raises(ModelError, match="a processor of pictures and words"):
        load_chat_processor(copy)


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({"crop_size": {"height": 20_000, "width": 20_000}}, "makes at most"),
        ({"size": {"shortest_edge": 20_000}}, "makes at most"),
        ({"image_std": [0, 0.3, 0.3]}, "image_std"),
        ({"image_std": "many"}, "image_std"),
        ({"num_additional_image_tokens": 10**9}, "num_additional_image_tokens 1000000000"),
    ],
)
def test_a_processor_that_would_fill_memory_or_show_nothing_is_refused(
    entries: dict[str, object], words: str, untrained_llava: Path, tmp_path: Path
) -> None:
    name = "processor_config.json"
    own = json.loads((untrained_llava / name).read_text())
    (key,) = entries
    inner = {} if key in own else {"image_processor": own["image_processor"] | entries}
    copy = copy_with_json(untrained_llava, tmp_path / "copy", name, **(inner or entries))
    with pytest.raises(ModelError) as caught:
        load_chat_processor(copy)
    assert words in str(caught.value)


@pytest.mark.parametrize("token", ["<image>", "<a token beyond the model's>"])
def test_padding_that_the_model_cannot_take_is_its_end(
    token: str, untrained_llava: Path, tmp_path: Path
) -> None:
    copy = copy_with_json(
        untrained_llava, tmp_path / "copy", "tokenizer_config.json", pad_token=token
    )
    assert load_chat_processor(copy).tokenizer.pad_token == "</s>"


@pytest.mark.parametrize("names", [("processor_config.json",), ("tokenizer.json",)])
def test_a_lost_file_of_the_processor_is_named(
    names: tuple[str, ...], untrained_llava: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(untrained_llava, tmp_path / "copy")
    for name in names:
        (copy / name).unlink()
    with pytest.raises(ModelError, match=rf"expected {names[0]} or .* got none; take them from"):
        load_chat_processor(copy)


def test_code_in_a_folder_is_said_to_be_not_run(untrained_llava: Path, tmp_path: Path) -> None:
    copy = copy_with_json(
        untrained_llava,
        tmp_path / "copy",
        "config.json",
        model_type="of_tomorrow",
        auto_map={"AutoConfig": "configuration_of_tomorrow.Config"},
    )
    with pytest.raises(ModelError, match=r"code beside it \(auto_map\).* is not run; name its"):
        connect(f"hf:{copy}")


def test_a_tokenizer_without_padding_pads_with_its_end(
    untrained_llava: Path, tmp_path: Path
) -> None:
    copy = copy_with_json(
        untrained_llava, tmp_path / "copy", "tokenizer_config.json", pad_token=None
    )
    assert load_chat_processor(copy).tokenizer.pad_token == "</s>"
    short, long = questions(2, max_new_tokens=4)
    asked = [short, replace(long, prompt="Describe the image in detail, and then once more.")]
    answers = [
        connect(f"hf:{folder}?dtype=float32&device=cpu").ask(asked)
        for folder in (untrained_llava, copy)
    ]
    texts = [[r.text for r in some if isinstance(r, Answer)] for some in answers]
    assert len(texts[0]) == 2
    assert texts[0] == texts[1]


def test_a_tokenizer_without_any_special_token_is_refused(
    untrained_llava: Path, tmp_path: Path
) -> None:
    names = dict.fromkeys(("pad_token", "eos_token", "bos_token", "unk_token"))
    copy = copy_with_json(untrained_llava, tmp_path / "copy", "tokenizer_config.json", **names)
    with pytest.raises(ModelError, match="add pad_token"):
        load_chat_processor(copy)


def test_a_config_that_is_no_object_is_one_sentence(untrained_llava: Path, tmp_path: Path) -> None:
    copy = copy_with_json(untrained_llava, tmp_path / "copy", "config.json")
    (copy / "config.json").write_text(json.dumps(["no object"]))
    with pytest.raises(ModelError):
        Vlm.load(copy, device="cpu")
    with pytest.raises(ModelError):
        connect(f"hf:{copy}")


@pytest.mark.parametrize(
    ("package", "name"), [("sentencepiece", "sentencepiece"), ("google.protobuf", "protobuf")]
)
def test_a_library_that_a_tokenizer_needs_is_named(
    package: str,
    name: str,
    untrained_llava: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    copy = copy_with_json(
        untrained_llava,
        tmp_path / "copy",
        "tokenizer_config.json",
        tokenizer_class="LlamaTokenizer",
        backend=None,
    )
    (copy / "tokenizer.json").unlink()
    (copy / "tokenizer.model").write_bytes(b"\x0e\x00 no pieces")
    with pytest.raises(ModelError) as caught:
        load_chat_processor(copy)
    assert "pip install" not in str(caught.value)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ModelError, match=f"needs {name}, .* pip install {name}"):
        load_chat_processor(copy)
