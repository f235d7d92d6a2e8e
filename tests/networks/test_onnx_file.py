"""ONNX files as people export them: the right answer, or one sentence."""

import gc
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from sif.errors import ModelError, UsageError
from sif.networks.connect import connect_network
from sif.networks.network import answer
from tests.networks.graphs import (
    CLASSES,
    TASK,
    own,
    pictures,
    weights,
    write_endless,
    write_giant,
    write_graph,
    write_with_weights_elsewhere,
)

BATCH: Any = "batch"
Y = ("y", "FLOAT", (BATCH, CLASSES))
LOGITS = ("logits", "FLOAT", (BATCH, CLASSES))
NHWC = {"size": (BATCH, 2, 4, 3), "before": [("Transpose", {"perm": [0, 3, 1, 2]})]}
UINT8 = {"kind": "UINT8", "before": [("Cast", {"to": 1}), ("Mul", {})]}
ARGMAX = ("ArgMax", ["logits"], ["label"], {"axis": 1, "keepdims": 0})
WORDS: dict[str, Any] = {"keys_int64s": list(range(CLASSES)), "values_strings": [*"edcba"]}
RIGHT: dict[str, tuple[dict[str, Any], str, str]] = {
    "plain": ({}, "", ""),
    "channels last": (NHWC, "", "channels last"),
    "channels last, as said": (NHWC, "?layout=nhwc", ""),
    "flat rows": ({"size": (BATCH, 24)}, "", "flat rows"),
    "any size": ({"size": (BATCH, "c", "h", "w")}, "", ""),
    "double": ({"kind": "DOUBLE", "before": [("Cast", {"to": 1})]}, "", ""),
    "half": ({"kind": "FLOAT16", "before": [("Cast", {"to": 1})]}, "", ""),
    "bytes": (UINT8, "", "fed as bytes"),
    "bytes, as said": (UINT8, "?scale=255", ""),
    "bytes, channels last": (
        {
            "kind": "UINT8",
            "size": (BATCH, 2, 4, 3),
            "before": [("Transpose", {"perm": [0, 3, 1, 2]}), ("Cast", {"to": 1}), ("Mul", {})],
        },
        "",
        "channels last",
    ),
    "whole numbers of 32 bits": (UINT8 | {"kind": "INT32"}, "?scale=255", ""),
    "floats to 255": ({"before": [("Mul", {})]}, "?scale=255", ""),
    "batches of four": ({"size": (4, 3, 2, 4), "outputs": [("y", "FLOAT", (4, CLASSES))]}, "", ""),
    "batches of one": ({"size": (1, 3, 2, 4), "outputs": [("y", "FLOAT", (1, CLASSES))]}, "", ""),
    "label first": (
        {"after": [ARGMAX], "outputs": [("label", "INT64", (BATCH,)), Y]},
        "",
        "output y",
    ),
    "word first": (
        {
            "after": [ARGMAX, ("LabelEncoder", ["label"], ["word"], WORDS)],
            "outputs": [("word", "STRING", (BATCH,)), Y],
        },
        "",
        "output y",
    ),
    "features first": ({"outputs": [("f", "FLOAT", (BATCH, 24)), Y]}, "", "output y"),
    "the logits of two": (
        {
            "after": [("Relu", ["logits"], ["hidden"], {})],
            "outputs": [("hidden", "FLOAT", (BATCH, CLASSES)), LOGITS],
        },
        "",
        "output logits",
    ),
    "the output that is named": (
        {
            "after": [("Relu", ["logits"], ["hidden"], {})],
            "outputs": [("hidden", "FLOAT", (BATCH, CLASSES)), Y],
        },
        "?output=y",
        "",
    ),
    "a switch for training": ({"others": [("training", "BOOL", ())]}, "", "training"),
    "a number for another input": ({"others": [("keep", "FLOAT", (1,))]}, "?fill=keep:1", ""),
    "the input that is named": (
        {"others": [("z", "FLOAT", (BATCH, 3, 2, 4))]},
        "?input=x&fill=z:0",
        "",
    ),
    "a table by numbers": (
        {
            "after": [("ZipMap", ["logits"], ["y"], {"classlabels_int64s": [0, 1, 2, 3, 4]})],
            "table": "INT64",
        },
        "",
        "",
    ),
    "a table by words": (
        {
            "after": [("ZipMap", ["logits"], ["y"], {"classlabels_strings": [*"edcba"]})],
            "table": "STRING",
        },
        "?labels=e,d,c,b,a",
        "",
    ),
}


@pytest.mark.parametrize("case", RIGHT)
def test_an_export_answers_like_its_network(case: str, tmp_path: Path) -> None:
    made, options, note = RIGHT[case]
    path = write_graph(tmp_path / "n.onnx", **made)
    found = connect_network(f"onnx:{path}{options}", TASK)
    inputs = pictures(6)
    said = answer(found.network, inputs, outputs=(CLASSES,), name="n")
    assert torch.allclose(said, own(inputs), atol=3e-3 if case == "half" else 1e-5)
    notes = getattr(found.network, "notes", ())
    assert note in " ".join(notes)
    assert bool(notes) == bool(note)


REFUSED: dict[str, tuple[dict[str, Any], str, tuple[str, ...]]] = {
    "batches of a thousand million": (
        {"size": (10**9, 3, 2, 4), "outputs": [("y", "FLOAT", (10**9, CLASSES))]},
        "",
        ("wants 24,000,000,000 values", "smaller batches"),
    ),
    "bytes without a rule": (UINT8 | {"kind": "INT32"}, "", ("whole numbers", "?scale=255")),
    "bytes too large": (UINT8, "?scale=1000", ("from 0 to 255", "?scale=")),
    "two outputs alike": (
        {
            "after": [("Relu", ["logits"], ["hidden"], {})],
            "outputs": [("hidden", "FLOAT", (BATCH, CLASSES)), Y],
        },
        "",
        ("hidden", "y (float32 [?, 5])", "?output=NAME"),
    ),
    "no output of the shape": (
        {"outputs": [("f", "FLOAT", (BATCH, 24))]},
        "",
        ("(5,)", "f (float32 [?, 24])"),
    ),
    "another input without a number": (
        {"others": [("keep", "FLOAT", (1,))]},
        "",
        ("keep", "?fill=keep:NUMBER"),
    ),
    "two inputs alike": ({"others": [("z", "FLOAT", (BATCH, 3, 2, 4))]}, "", ("?input=NAME",)),
    "pictures of another size": (
        {"size": (BATCH, 3, 9, 9)},
        "",
        ("does not take inputs of shape (3, 2, 4)", "9, 9"),
    ),
    "a table by words": (
        {
            "after": [("ZipMap", ["logits"], ["y"], {"classlabels_strings": [*"edcba"]})],
            "table": "STRING",
        },
        "",
        ("?labels=",),
    ),
    "words of others": (
        {
            "after": [("ZipMap", ["logits"], ["y"], {"classlabels_strings": [*"edcba"]})],
            "table": "STRING",
        },
        "?labels=one,two",
        ("a, b, c, d, e", "one, two"),
    ),
    "words wanted": ({"kind": "STRING", "before": [("Cast", {"to": 1})]}, "", ("only numbers",)),
    "no such output": ({}, "?output=z", ("no output z", "y (float32")),
    "no such input": ({}, "?input=z", ("no input z", "x (float32")),
    "no such other input": ({}, "?fill=z:1", ("no other input z",)),
    "a layout that it does not have": (
        {},
        "?layout=nhwc",
        ("Got invalid dimensions", "index: 1 Got: 2 Expected: 3"),
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_an_export_leaves_open_is_one_sentence(case: str, tmp_path: Path) -> None:
    made, options, words = REFUSED[case]
    path = write_graph(tmp_path / "n.onnx", **made)
    with pytest.raises(ModelError) as caught:
        network = connect_network(f"onnx:{path}{options}", TASK).network
        answer(network, pictures(2), outputs=(CLASSES,), name="theirs")
    said = str(caught.value)
    assert said.isprintable()
    assert len(said) < 1500
    for word in words:
        assert word in said


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ("?colour=red", "colour"),
        ("?layout=red", "layout"),
        ("?timeout=0", "timeout"),
        ("?scale=nan", "scale"),
        ("?outputs=words", "outputs="),
        ("?fill=x", "fill"),
    ],
)
def test_options_that_make_no_sense_are_a_wrong_request(options: str, word: str) -> None:
    with pytest.raises(UsageError, match=word):
        connect_network(f"onnx:n.onnx{options}", TASK)


def test_a_file_with_a_question_mark_in_its_name_is_found(tmp_path: Path) -> None:
    path = write_graph(tmp_path / "n?.onnx")
    assert connect_network(f"onnx:{path}", TASK).network(pictures(1)).shape == (1, CLASSES)


def test_a_graph_without_end_is_stopped(tmp_path: Path) -> None:
    path = write_endless(tmp_path / "n.onnx")
    network = connect_network(f"onnx:{path}?timeout=1", TASK).network
    begun = time.monotonic()
    for _ in range(2):
        with pytest.raises(ModelError, match=r"1 seconds|ended the process"):
            answer(network, pictures(1), outputs=(CLASSES,), name="n")
    assert time.monotonic() - begun < 60


def test_a_graph_of_giants_takes_no_memory(tmp_path: Path) -> None:
    path = write_giant(tmp_path / "n.onnx")
    with pytest.raises(ModelError) as caught:
        network = connect_network(f"onnx:{path}", TASK).network
        answer(network, pictures(1), outputs=(CLASSES,), name="n")
    assert str(caught.value).isprintable()


Name = Callable[[Path], str]


@pytest.mark.parametrize(
    "place",
    [lambda folder: "../weights.bin", lambda folder: str(folder / "weights.bin"), lambda _: "link"],
    ids=["above", "absolute", "link"],
)
def test_weights_are_read_from_the_files_own_folder_alone(place: Name, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "weights.bin").write_bytes(weights().numpy().tobytes())
    (tmp_path / "theirs" / "link").symlink_to(tmp_path / "weights.bin")
    path = write_with_weights_elsewhere(tmp_path / "theirs" / "n.onnx", place(tmp_path))
    with pytest.raises(ModelError, match="External data"):
        connect_network(f"onnx:{path}", TASK)


def test_weights_beside_the_file_are_its_own(tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(weights().numpy().tobytes())
    path = write_with_weights_elsewhere(tmp_path / "n.onnx", "weights.bin")
    inputs = pictures(3)
    said = connect_network(f"onnx:{path}", TASK).network(inputs)
    assert torch.allclose(said, own(inputs), atol=1e-5)


def test_the_process_ends_with_its_network(tmp_path: Path) -> None:
    network = connect_network(f"onnx:{write_graph(tmp_path / 'n.onnx')}", TASK).network
    number = network._child.number
    assert number is not None
    os.kill(number, 0)
    del network
    gone = False
    for _ in range(100):  # the clock of the last request may still know it
        gc.collect()
        try:
            os.kill(number, 0)
        except ProcessLookupError:
            gone = True
            break
        time.sleep(0.02)
    assert gone
