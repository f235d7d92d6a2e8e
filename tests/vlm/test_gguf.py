"""GGUF files: said to be what they are, and never read further than a few fields."""

import struct
from pathlib import Path

import pytest

from sif.errors import ModelError, UsageError
from sif.suspects.connect import connect
from sif.vlm.folder import load_config
from sif.vlm.model import Vlm


def gguf(*fields: tuple[str, str], version: int = 3) -> bytes:
    """The beginning of such a file."""

    def text(words: str) -> bytes:
        return struct.pack("<Q", len(words.encode())) + words.encode()

    body = b"".join(text(key) + struct.pack("<I", 8) + text(value) for key, value in fields)
    return b"GGUF" + struct.pack("<IQQ", version, 0, len(fields)) + body


CASES = {
    "a model": (
        gguf(("general.architecture", "qwen2vl"), ("general.name", "Qwen")),
        "the architecture qwen2vl called Qwen",
    ),
    "a projector": (gguf(("general.architecture", "clip")), "a projector alone"),
    "nothing said": (gguf(), "the architecture unknown"),
    "cut": (gguf(("general.architecture", "qwen2vl"))[:30], "whose header cannot be read"),
    "another version": (gguf(version=77), "whose header cannot be read"),
    "terminal codes": (gguf(("general.architecture", "\x1b[2J")), r"the architecture \x1b[2J"),
    "a long text": (
        b"GGUF" + struct.pack("<IQQ", 3, 0, 2**60) + struct.pack("<Q", 2**62),
        "whose header cannot be read",
    ),
    "no GGUF": (b"PK", "whose header cannot be read"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_file_is_said_to_be_what_it_is_and_what_reads_it(case: str, tmp_path: Path) -> None:
    data, words = CASES[case]
    file = tmp_path / "model.gguf"
    file.write_bytes(data)
    for use in (Vlm.load, load_config, lambda path: connect(f"hf:{path}")):
        with pytest.raises(ModelError, match=r"llama-server .* openai:") as caught:
            use(file)
        assert words in str(caught.value)
        assert str(caught.value).isprintable()


def test_a_folder_of_nothing_else_is_seen_too(tmp_path: Path) -> None:
    (tmp_path / "x.gguf").write_bytes(CASES["a model"][0])
    with pytest.raises(ModelError, match="llama-server"):
        connect(f"hf:{tmp_path}")


def test_the_scheme_says_who_serves_such_a_file() -> None:
    with pytest.raises(UsageError, match="llama-server"):
        connect("gguf:model.gguf")
