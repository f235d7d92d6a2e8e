"""The two canonical forms: RFC 8785, and the one of version 1."""

import json

import pytest

from sif.claims.canonical import canonical, jcs
from sif.claims.commitment import first_difference
from sif.errors import ClaimError
from sif.fingerprint.recipe import BUILT_IN, load_recipe

# RFC 8785, sections 3.2.2 and 3.2.3 and appendix B.
SORTED = {
    "\u20ac": "Euro Sign",
    "\r": "Carriage Return",
    "\ufb33": "Hebrew Letter Dalet With Dagesh",
    "1": "One",
    "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"): "Emoji: Grinning Face",
    "\u0080": "Control",
    "\u00f6": "Latin Small Letter O With Diaeresis",
}
ORDER = [
    "Carriage Return",
    "One",
    "Control",
    "Latin Small Letter O With Diaeresis",
    "Euro Sign",
    "Emoji: Grinning Face",
    "Hebrew Letter Dalet With Dagesh",
]
NUMBERS = {
    0.0: b"0",
    1.0: b"1",
    5e-324: b"5e-324",
    1e-6: b"0.000001",
    1e-7: b"1e-7",
    -0.0000033333333333333333: b"-0.0000033333333333333333",
    9007199254740991.0: b"9007199254740991",
    333333333.33333329: b"333333333.3333333",
    1.5: b"1.5",
}


def test_names_are_sorted_by_their_utf_16_units() -> None:
    assert list(json.loads(jcs(SORTED)).values()) == ORDER


def test_text_is_escaped_as_little_as_can_be() -> None:
    assert jcs('€$\u000f\nA\'B"\\\\"/') == '"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'.encode()


@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_are_written_as_ecmascript_does(number: float) -> None:
    assert jcs(number) == NUMBERS[number]


def test_minus_zero_is_zero() -> None:
    assert jcs(-0.0) == b"0"


def test_version_1_wrote_numbers_as_python_does() -> None:
    assert canonical([1e-06, 1.0]) == b"[1e-06,1.0]"
    assert jcs([1e-06, 1.0]) == b"[0.000001,1]"


@pytest.mark.parametrize(
    "value", [2**53, -(2**53), 1e16, 1e300, [{"a": 10**30}], float("inf"), float("nan")]
)
def test_a_number_that_not_every_language_reads_alike_is_refused(value: object) -> None:
    with pytest.raises(ClaimError, match=r"2\^53") as caught:
        jcs(value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", ["\ud800", {1: 2}, {"a": b"x"}, {"a": {1, 2}}])
def test_what_json_has_no_form_for_is_refused(value: object) -> None:
    with pytest.raises(ClaimError, match="RFC 8785"):
        jcs(value)


@pytest.mark.parametrize("name", BUILT_IN)
def test_what_is_read_back_is_written_in_the_same_bytes(name: str) -> None:
    recipe = load_recipe(name)
    written = jcs(recipe.model_dump(mode="json"))
    again = type(recipe).model_validate_json(written)
    assert jcs(again.model_dump(mode="json")) == written == jcs(json.loads(written))
    assert first_difference(recipe.model_dump(mode="json"), json.loads(written)) is None
