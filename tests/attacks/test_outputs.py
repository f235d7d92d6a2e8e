"""Outputs that must never change: journals and committed results name an attack and trust its text.

`outputs.json` holds SHA-256 digests of pixels and of words, made before attacks were grouped into
files. JPEG and WebP depend on the build of their libraries, and are compared with Pillow elsewhere;
trained networks depend on how a machine adds.
"""

import hashlib
import json
from pathlib import Path

import pytest

from sif.attacks.answers import in_order, parse_answer_attacks
from sif.attacks.answers.parse import NAMES as ANSWER_ATTACKS
from sif.attacks.images import parse_image_attack
from sif.attacks.images.parse import NAMES as IMAGE_ATTACKS
from sif.types import Unanswered
from tests.attacks.answers.texts import CAPTION, DESCRIPTION, QUERY
from tests.attacks.images.pictures import portrait

KNOWN = json.loads((Path(__file__).parent / "outputs.json").read_text(encoding="utf-8"))
LIBRARIES = {"jpeg", "webp", "purify-learned"}
# Around the model, or by another model: these have no words of their own to compare.
SERVED = {"temperature", "turns", "watermark", "watermark-by-word", "gumbel", "average", "smooth"}
SERVED |= {"paraphrase", "system", "cache"}


@pytest.mark.parametrize("text", KNOWN["images"])
def test_an_attack_gives_the_pixels_that_it_always_gave(text: str) -> None:
    pixels = parse_image_attack(text).apply(portrait()).tobytes()
    assert hashlib.sha256(pixels).hexdigest() == KNOWN["images"][text]


@pytest.mark.parametrize("text", KNOWN["answers"])
def test_an_attack_gives_the_words_that_it_always_gave(text: str) -> None:
    answer = CAPTION if "mini-world" in text else DESCRIPTION
    outcome = in_order(parse_answer_attacks(text)).apply(answer, QUERY, seed=5)
    words = outcome.reason if isinstance(outcome, Unanswered) else outcome
    assert hashlib.sha256(words.encode()).hexdigest() == KNOWN["answers"][text]


def test_every_attack_with_an_output_of_its_own_is_held_to_it() -> None:
    pictures, words = ({text.split(":")[0] for text in KNOWN[kind]} for kind in KNOWN)
    assert pictures == set(IMAGE_ATTACKS) - LIBRARIES
    assert words == set(ANSWER_ATTACKS) - SERVED
