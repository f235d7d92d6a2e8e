"""Data sets as people have them, each about the one picture img/a.png."""

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
from PIL import Image

from tests.pictures.files import saved

PICTURE = Image.fromarray(np.arange(24 * 24 * 3, dtype=np.uint8).reshape(24, 24, 3))
PNG = saved(PICTURE, "PNG")
PROMPT, ANSWER = "What is this?", "A grey field."
PLAIN = {"image": "img/a.png", "prompt": PROMPT, "answer": ANSWER}
TURNS = [{"from": "human", "value": f"<image>\n{PROMPT}"}, {"from": "gpt", "value": ANSWER}]
MESSAGES = [
    {"role": "user", "content": f"<image>{PROMPT}"},
    {"role": "assistant", "content": ANSWER},
]
DATA_URL = "data:image/png;base64," + base64.b64encode(PNG).decode()


def parts(picture: Any) -> dict[str, Any]:
    """A conversation in parts, as OpenAI has it."""
    content = [picture, {"type": "text", "text": PROMPT}]
    answer = [{"type": "text", "text": ANSWER}]
    return {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": content},
            {"role": "assistant", "content": answer},
        ]
    }


def lines(*records: Any, end: str = "\n", ascii_only: bool = True) -> bytes:
    """JSON lines."""
    return "".join(json.dumps(it, ensure_ascii=ascii_only) + end for it in records).encode()


def with_fields(**changes: Any) -> dict[str, Any]:
    """The plain record with other fields."""
    return PLAIN | changes


def table(rows: list[dict[str, Any]]) -> bytes:
    """Rows as parquet."""
    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), sink)
    return bytes(sink.getvalue())


def columns(**more: Any) -> bytes:
    """The plain record as parquet, with further columns."""
    held = {name: pyarrow.array([value]) for name, value in PLAIN.items()}
    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(pyarrow.table(held | more), sink)
    return bytes(sink.getvalue())


def columns_named(*names: str) -> bytes:
    """Columns of one text, whatever they are called."""
    texts = [pyarrow.array([name]) for name in names]
    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(pyarrow.Table.from_arrays(texts, names=list(names)), sink)
    return bytes(sink.getvalue())


def no_text() -> Any:
    """A column of text whose bytes are none."""
    return pyarrow.Array.from_buffers(pyarrow.string(), 1, pyarrow.array([b"\xff"]).buffers())


def room_in(folder: Path) -> Path:
    """A folder with the picture."""
    (folder / "img").mkdir()
    (folder / "img" / "a.png").write_bytes(PNG)
    (folder / "img" / "\u00fc.png").write_bytes(PNG)
    return folder


RAW64 = base64.b64encode(PNG).decode()
COCO = {
    "images": [{"id": 1, "file_name": "img/a.png"}, {"id": 2, "file_name": "img/none.png"}],
    "annotations": [{"image_id": 1, "caption": ANSWER}],
}
VQA = {"image": "img/a.png", "question": PROMPT, "answer": ANSWER}

# Name of the file and what is in it; each gives (PROMPT, ANSWER) once.
GOOD: dict[str, bytes] = {
    "plain.jsonl": lines(PLAIN),
    "no-end.jsonl": lines(PLAIN, end=""),
    "bom.jsonl": b"\xef\xbb\xbf" + lines(PLAIN),
    "crlf.jsonl": lines(PLAIN, end="\r\n"),
    "utf16.jsonl": lines(PLAIN).decode().encode("utf-16"),
    "utf16-no-bom.jsonl": lines(PLAIN).decode().encode("utf-16-be"),
    "backslash.jsonl": lines(with_fields(image="img\\a.png")),
    "imglist.jsonl": lines(with_fields(image=["img/a.png"])),
    "images.jsonl": lines({"images": ["img/a.png"], "question": PROMPT, "response": ANSWER}),
    "list.json": json.dumps([PLAIN], indent=1).encode(),
    "one.json": json.dumps(PLAIN, indent=1).encode(),
    "data.json": json.dumps({"version": 1, "data": [PLAIN]}).encode(),
    "llava.json": json.dumps([{"id": "1", "image": "img/a.png", "conversations": TURNS}]).encode(),
    "llava.jsonl": lines({"id": "1", "image": "img/a.png", "conversations": TURNS}),
    "messages.jsonl": lines({"messages": MESSAGES, "images": ["img/a.png"]}),
    "openai-path.jsonl": lines(parts({"type": "image", "image": "img/a.png"})),
    "openai-url.jsonl": lines(parts({"type": "image_url", "image_url": {"url": DATA_URL}})),
    "openai-plain-url.jsonl": lines(parts({"type": "input_image", "image_url": DATA_URL})),
    "anthropic.jsonl": lines(parts({"type": "image", "source": {"type": "base64", "data": RAW64}})),
    "data-url.jsonl": lines(with_fields(image=DATA_URL)),
    "raw64.jsonl": lines(with_fields(image=RAW64)),
    "raw64-lines.jsonl": lines(with_fields(image=RAW64[:70] + "\n" + RAW64[70:])),
    "vqa.jsonl": lines(VQA),
    "decomposed.jsonl": lines(with_fields(image="img/u\u0308.png")),
    "composed.jsonl": lines(with_fields(image="img/\u00fc.png")),
    "alpaca.jsonl": lines(
        {"image": "img/a.png", "instruction": PROMPT, "input": "", "output": ANSWER}
    ),
    "hf.parquet": table(
        [{"image": {"bytes": PNG, "path": None}, "question": PROMPT, "answer": ANSWER}]
    ),
    "bytes.parquet": table([{"image": PNG, "prompt": PROMPT, "answer": ANSWER}]),
    "path.parquet": table([PLAIN]),
    "far-date.parquet": columns(at=pyarrow.array([2**30], pyarrow.date32())),
    "far-time.parquet": columns(at=pyarrow.array([2**55], pyarrow.timestamp("ms"))),
    "nanoseconds.parquet": columns(at=pyarrow.array([2**60 + 1], pyarrow.timestamp("ns"))),
    "zone.parquet": columns(at=pyarrow.array([1], pyarrow.timestamp("us", "Mars/Base"))),
    "other-bytes.parquet": columns(other=no_text()),
    "own-list.jsonl": lines(with_fields(data=[1, 2])),
    "own-empty-list.jsonl": lines(with_fields(examples=[])),
    "cauldron.parquet": table(
        [
            {
                "images": [{"bytes": PNG}],
                "texts": [{"user": PROMPT, "assistant": ANSWER, "source": "x"}],
            }
        ]
    ),
    "messages.parquet": table(
        [{"messages": MESSAGES, "images": [{"bytes": PNG, "path": "x.png"}]}]
    ),
}

# What the answer then is.
TEXTS: dict[str, tuple[bytes, str]] = {
    "u2028.jsonl": (lines(with_fields(answer="A\u2028B"), ascii_only=False), "A\u2028B"),
    "nel.jsonl": (lines(with_fields(answer="A\x85B"), ascii_only=False), "A\x85B"),
    "feed.jsonl": (lines(with_fields(answer="A\x0cB\x1cC")), "A\x0cB\x1cC"),
    "integer.jsonl": (lines(with_fields(answer=3)), "3"),
    "emoji.jsonl": (b'{"image": "img/a.png", "prompt": "p", "answer": "\\ud83d\\ude00"}', "😀"),
}

LONG = "a" * 300 + ".png"
FAKE = "iVBORw0KGgoAAAAA" + "A" * 5000
# What is in the file, and words of the one line that refuses it.
BAD: dict[str, tuple[bytes, tuple[str, ...]]] = {
    "b64.jsonl": (
        lines(with_fields(image="data:image/png;base64,iVBORw0KGgo=" + "A" * 5000)),
        ("line 1",),
    ),
    "raw64.jsonl": (lines(PLAIN, with_fields(image=FAKE)), ("line 2", "base64, which is none")),
    "url.jsonl": (lines(with_fields(image="data:image/png,xyz")), ("line 1", "base64")),
    "http.jsonl": (
        lines(with_fields(image="http://example.invalid/a.png")),
        ("line 1", "not fetched"),
    ),
    "s3.jsonl": (lines(with_fields(image="s3://bucket/a.png")), ("line 1", "not fetched")),
    "blank.jsonl": (lines(PLAIN, with_fields(answer=" \t ")), ("line 2", "'answer'")),
    "empty.jsonl": (lines(with_fields(answer="")), ("line 1", "'answer'")),
    "nan.jsonl": (lines(with_fields(answer=float("nan"))), ("line 1", "'answer'", "null")),
    "infinite.jsonl": (lines(with_fields(prompt=float("inf"))), ("line 1", "'prompt'", "null")),
    "blanks.jsonl": (lines(with_fields(image=" " * 60_000)), ("line 1",)),
    "packed.jsonl": (gzip.compress(lines(PLAIN)), ("packed by gzip", "unpack it first")),
    "twins.json": (
        json.dumps(COCO | {"images": [*COCO["images"], {"id": 1, "file_name": "b.png"}]}).encode(),
        ("one picture for each id",),
    ),
    "null.jsonl": (lines(with_fields(answer=None)), ("line 1", "'answer'", "null")),
    "null-prompt.jsonl": (lines(with_fields(prompt=None)), ("line 1", "'prompt'", "null")),
    "true.jsonl": (lines(with_fields(answer=True)), ("line 1", "'answer'", "bool")),
    "nul.jsonl": (lines(with_fields(image="img/a\0.png")), ("line 1", "NUL")),
    "long.jsonl": (lines(with_fields(image=LONG)), ("line 1", "found none")),
    "missing.jsonl": (lines(with_fields(image="img/b.png")), ("line 1", "b.png", "found none")),
    "folder.jsonl": (lines(with_fields(image="img")), ("line 1", "found none")),
    "number.jsonl": (lines(with_fields(image=3)), ("line 1", "int")),
    "half.jsonl": (
        b'{"image": "img/a.png", "prompt": "p", "answer": "A \\ud83d"}',
        ("line 1", "'answer'", "lone surrogate"),
    ),
    "half-path.jsonl": (
        b'{"image": "img/\\ud83d.png", "prompt": "p", "answer": "A"}',
        ("line 1", "half a character"),
    ),
    "escape.jsonl": (lines(with_fields(image="\x1b[2Jx.png")), ("line 1", "found none")),
    "broken.jsonl": (lines(PLAIN) + b"{broken\n", ("line 2", "as JSON", "'{broken'")),
    "nested.jsonl": (lines(PLAIN) + b'{"a":' * 100_000, ("line 2", "as JSON")),
    "words.jsonl": (lines(PLAIN, "words"), ("line 2", "str")),
    "latin.jsonl": (lines(PLAIN) + b'{"answer": "caf\xe9"}', ("line 2", "UTF-8")),
    "zip.jsonl": (b"PK\x03\x04\xff\xfe\xff", ("line 1", "text")),
    "role.jsonl": (
        lines({"image": "img/a.png", "messages": [{"role": "tool", "content": "x"}]}),
        ("line 1", "'tool'"),
    ),
    "video.jsonl": (lines(parts({"type": "video", "video": "a.mp4"})), ("line 1", "'video'")),
    "kinds.jsonl": (lines(parts({"type": ["text"], "text": "p"})), ("line 1", "['text']")),
    "turns.jsonl": (
        lines({"image": "img/a.png", "conversations": [{"speaker": "x"}]}),
        ("line 1", "'from' and 'value'"),
    ),
    "blank-turn.jsonl": (
        lines({"image": "img/a.png", "conversations": [TURNS[0], {"from": "gpt", "value": ""}]}),
        ("line 1", "conversations.2", "none"),
    ),
    "text-only.jsonl": (lines({"prompt": "a", "answer": "b"}), ("at least one example",)),
    "nothing.jsonl": (b"", ("at least one example",)),
    "coco.json": (
        json.dumps(COCO | {"annotations": [{"image_id": 7, "caption": "x"}]}).encode(),
        ("annotation 1", "among the images"),
    ),
    "instances.json": (
        json.dumps(COCO | {"annotations": [{"image_id": 1, "bbox": []}]}).encode(),
        ("annotation 1", "caption"),
    ),
    "cut.json": (json.dumps([PLAIN]).encode()[:-4], ("line 1", "as JSON")),
    "true-id.json": (
        json.dumps(COCO | {"annotations": [{"image_id": True, "caption": "x"}]}).encode(),
        ("annotation 1", "among the images"),
    ),
    "far-answer.parquet": (
        columns(answer=pyarrow.array([2**30], pyarrow.date32())),
        ("readable parquet", "row 0"),
    ),
    "no-text.parquet": (columns(answer=no_text()), ("readable parquet", "row 0")),
    "twice.parquet": (columns_named(*PLAIN, "answer"), ("two columns called 'answer'",)),
    "no-column.parquet": (table([{"x": 1}]), ("row 1", "as JSON")),
    "cut.parquet": (table([PLAIN])[:200], ("parquet",)),
    "no-image.parquet": (table([{"image": b"nothing", "prompt": "p", "answer": "a"}]), ("row 1",)),
}
