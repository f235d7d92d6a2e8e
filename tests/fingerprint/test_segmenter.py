"""One file cuts text as the model's own tokenizer does, and nothing beside it has a say."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import (
    AddedToken,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    trainers,
)
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from sif import tokenizer_bounds as module
from sif.errors import FingerprintError, ModelError
from sif.fingerprint.segmenter import (
    FileSegmenter,
    FolderSegmenter,
    known_segmenter,
    tokenizer_json,
)
from sif.fingerprint.workspace import Workspace
from sif.mini.tokenizer import LLAVA_SPECIALS, QWEN_SPECIALS, build_tokenizer
from sif.mini.world import World, sample_scene
from sif.suspects.token_texts import token_texts
from tools.time_audit import build_tokenizer as byte_level

ODD = [
    "",
    " ",
    "A small red circle, above the blue square.",
    "  two  blanks\tand\na line  ",
    "schöner ⟨Kreis⟩ 🙂 中文 e\u0301 ﬁ",
    "it's 42% - don't; (really?) __init__ #7",
    "<s>A</s><image> <|im_end|> <unk> <|end|>",
    "UPPER lower MiXeD",
    "\u200b\ufeff\u2028x",
]


def sentence_piece() -> PreTrainedTokenizerFast:
    """As a SentencePiece model is converted: Metaspace, byte fallback, an added token."""
    made = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    made.normalizer = normalizers.Sequence([normalizers.Replace("``", '"'), normalizers.NFKC()])
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=True)
    made.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace()])
    special = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = trainers.BpeTrainer(vocab_size=500, special_tokens=special[:3], show_progress=False)
    made.train_from_iterator(captions(60), trainer)
    content = json.loads(made.to_str())
    for byte in special[3:]:
        content["model"]["vocab"].setdefault(byte, len(content["model"]["vocab"]))
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(content)),
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
    )
    tokenizer.add_tokens([AddedToken("circle", lstrip=True, normalized=False)])
    return tokenizer


def captions(number: int) -> list[str]:
    rng, world = np.random.default_rng(4), World(seed=1)
    return [world.caption(sample_scene(rng), rng) for _ in range(number)]


KINDS: dict[str, Callable[[], PreTrainedTokenizerFast]] = {
    "llava": lambda: build_tokenizer(1, LLAVA_SPECIALS),
    "qwen": lambda: build_tokenizer(2, QWEN_SPECIALS),
    "byte-level": lambda: byte_level(600),
    "sentence piece": sentence_piece,
}


@pytest.fixture(params=KINDS)
def tokenizer(request: pytest.FixtureRequest) -> PreTrainedTokenizerFast:
    return KINDS[request.param]()


def alone(tokenizer: Any) -> FileSegmenter:
    return FileSegmenter(tokenizer_json(tokenizer), where="tokenizer.json")


def ids_of(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids


def test_the_file_cuts_as_the_models_own_tokenizer(
    tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    made = alone(tokenizer)
    tokenizer.save_pretrained(tmp_path)
    read = AutoTokenizer.from_pretrained(tmp_path)
    for text in [*ODD, *captions(150)]:
        assert made.ids(text) == ids_of(tokenizer, text) == ids_of(read, text)
    assert len(made) == len(tokenizer)
    assert made.all_special_ids == sorted(set(tokenizer.all_special_ids))
    assert made.get_vocab() == tokenizer.get_vocab()
    assert token_texts(made) == token_texts(tokenizer)


def test_the_file_cuts_as_the_folder_of_before(
    tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    tokenizer.save_pretrained(tmp_path)
    before = FolderSegmenter(tmp_path)
    made = alone(tokenizer)
    for text in [*ODD, *captions(20)]:
        assert made.tokens(text) == before.tokens(text)
    assert made.all_special_ids == before.all_special_ids
    assert made.content() == before.content()


def test_how_a_tokenizer_was_used_is_not_in_the_file(tokenizer: PreTrainedTokenizerFast) -> None:
    before = tokenizer_json(tokenizer)
    tokenizer.pad_token = tokenizer.eos_token
    tokenizer(["a", "b a"], padding=True, truncation=True, max_length=2)
    assert tokenizer_json(tokenizer) == before
    content = json.loads(before) | {
        "truncation": {
            "direction": "Right",
            "max_length": 2,
            "strategy": "LongestFirst",
            "stride": 0,
        }
    }
    cut = FileSegmenter(json.dumps(content).encode(), where="it")
    assert len(cut.ids("a small red circle above a square")) > 2


def test_a_tokenizer_that_is_no_file_is_refused_with_what_is_needed() -> None:
    class Slow:
        is_fast = False

    with pytest.raises(ModelError, match=r"fast tokenizer.*tokenizer.json.*got Slow"):
        tokenizer_json(Slow())


def test_a_fingerprint_holds_one_file_and_an_unfinished_older_one_is_replaced(
    tmp_path: Path,
) -> None:
    tokenizer = build_tokenizer(1, LLAVA_SPECIALS)
    workspace = Workspace(tmp_path / "fp")
    tokenizer.save_pretrained(workspace.folder / "tokenizer")
    first = workspace.write_tokenizer(tokenizer)
    assert [path.name for path in (workspace.folder / "tokenizer").iterdir()] == ["tokenizer.json"]
    stamp = (workspace.folder / "tokenizer" / "tokenizer.json").stat().st_mtime_ns
    assert workspace.write_tokenizer(tokenizer) == first
    assert (workspace.folder / "tokenizer" / "tokenizer.json").stat().st_mtime_ns == stamp


def test_a_folder_of_nothing_but_the_file_is_a_known_tokenizer(tmp_path: Path) -> None:
    tokenizer = build_tokenizer(1, LLAVA_SPECIALS)
    (tmp_path / "tokenizer.json").write_bytes(tokenizer_json(tokenizer))
    assert isinstance(known_segmenter(tmp_path), FileSegmenter)
    tokenizer.save_pretrained(tmp_path)
    assert isinstance(known_segmenter(tmp_path), FolderSegmenter)
    with pytest.raises(FingerprintError):
        known_segmenter(tmp_path / "nowhere")


def changed(**parts: Any) -> bytes:
    return json.dumps(
        json.loads(tokenizer_json(build_tokenizer(1, LLAVA_SPECIALS))) | parts
    ).encode()


RUBBISH: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "expected JSON"),
    "no text": (b"\xff\xfe", "expected JSON"),
    "a list": (b"[]", "JSON object"),
    "no model": (b"{}", "JSON object"),
    "a model that is none": (b'{"model": {}}', "fails"),
    "deep": (b"[" * 200_000, "expected JSON"),
    "a name twice": (b'{"model": {"vocab": {}, "vocab": {}}}', "twice"),
    "merges at random": (
        changed(model={"type": "BPE", "dropout": 0.5, "vocab": {"a": 0}, "merges": []}),
        "dropout",
    ),
    "a pattern that is none": (
        changed(
            pre_tokenizer={
                "type": "Split",
                "pattern": {"Regex": "("},
                "behavior": "Removed",
                "invert": False,
            }
        ),
        "fails",
    ),
    "a panic while reading": (
        changed(normalizer={"type": "Precompiled", "precompiled_charsmap": "AAAA"}),
        "fails",
    ),
}


@pytest.mark.parametrize("case", RUBBISH)
def test_rubbish_is_one_line(case: str) -> None:
    data, words = RUBBISH[case]
    with pytest.raises(FingerprintError, match=words) as caught:
        FileSegmenter(data, where="tokenizer/tokenizer.json")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_file_that_fails_only_at_a_text_is_one_line_too() -> None:
    """The library panics, with an exception that `except Exception` does not catch."""
    made = FileSegmenter(changed(pre_tokenizer={"type": "FixedLength", "length": 0}), where="it")
    with pytest.raises(FingerprintError, match="chunk size") as caught:
        made.ids("a red circle")
    assert type(caught.value.__cause__).__name__ == "PanicException"
    with pytest.raises(FingerprintError, match="fails"):
        alone(build_tokenizer(1, LLAVA_SPECIALS)).ids("a \ud800 b")


def test_what_is_no_fault_of_the_library_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    made = alone(build_tokenizer(1, LLAVA_SPECIALS))

    class Interrupted:
        def encode(self, *words: Any, **settings: Any) -> None:
            raise KeyboardInterrupt

    monkeypatch.setattr(made, "_tokenizer", Interrupted())
    with pytest.raises(KeyboardInterrupt):
        made.ids("a")


def test_a_file_beyond_all_measure_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LARGEST_FILE", 1 << 20)
    path = tmp_path / "tokenizer.json"
    path.write_bytes(bytes(3 << 20))
    assert len(module.read_bounded(path)) == (1 << 20) + 1
    with pytest.raises(FingerprintError, match="at most 1 MiB"):
        known_segmenter(tmp_path)
