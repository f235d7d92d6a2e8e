"""Settings in YAML that would take all time or memory are refused in a line."""

import time

import pytest

from sif.json_once import TooDeepError, TooMuchError, read_json
from sif.yaml_once import NoYamlError, read_yaml

LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10)
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 5000, "nested too deep"),
        ("{a: " * 5000, "nested too deep"),
        ("- " * 5000 + "x", "nested too deep"),
        (LAUGHS, "at most 100,000 values"),
        ("&a [*a]", "holds itself"),
        ("a: &a {b: *a}", "holds itself"),
        ("x: " + "9" * 5000, "a value is none"),
        ("a: b: c", "mapping values"),
        ("x: !!python/object/apply:os.system [ls]", "could not determine a constructor"),
        ("2024-13-45: 1\nx: 2024-13-45", "a value is none"),
        ("x" * 2_000_000, "at most 1,000,000 characters"),
        ("\x00", "special characters"),
    ],
)
def test_what_no_settings_hold_is_refused(text: str, words: str) -> None:
    start = time.monotonic()
    with pytest.raises(NoYamlError, match=words):
        read_yaml(text)
    assert time.monotonic() - start < 3.0


def test_settings_are_read_with_anchors_and_all() -> None:
    text = "usual: &usual {steps: 3, words: [a, b]}\nmine: {<<: *usual, name: '[[['}\nnone:\n"
    assert read_yaml(text) == {
        "usual": {"steps": 3, "words": ["a", "b"]},
        "mine": {"steps": 3, "words": ["a", "b"], "name": "[[["},
        "none": None,
    }
    assert read_yaml("") is None


def test_json_that_is_deep_or_without_end_is_refused() -> None:
    with pytest.raises(TooDeepError):
        read_json("[" * 50_000 + "]" * 50_000)
    with pytest.raises(TooMuchError, match="at most 1,000,000 values"):
        read_json(b"[" + b"1," * 1_000_001 + b"1]")
    assert read_json(b'{"a": [1, {"b": 2}]}') == {"a": [1, {"b": 2}]}
