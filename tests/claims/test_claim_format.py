"""The worked vectors of docs/reference/claim-format.md: those of the package, and of a stranger."""

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path

import pytest
from PIL import Image

from sif.claims.canonical import canonical, jcs
from sif.claims.gaps import log10_discount
from sif.claims.merkle import merkle_root
from sif.claims.seeds import seeds_root
from sif.fingerprint.asked_words import spellings
from sif.ownership.contrast import contrast, likeness
from sif.ownership.contrast import words_of as words_of_answer
from sif.ownership.control import BaseEvidence, weigh_bases
from sif.ownership.evidence import Evidence
from sif.ownership.observation import Observation
from sif.ownership.order import place
from sif.ownership.policy import Policy
from sif.ownership.transfer import (
    Draw,
    TransferEvidence,
    TransferTests,
    price_of_order,
    reaction,
)
from sif.types import GenerationSettings, Query
from sif.watermark.greenlist.count import GreenCount, count_green
from sif.watermark.greenlist.mask import green_mask
from sif.watermark.keys import KeyRing
from tests.claims.second_verifier import (
    answers,
    checking,
    contrasts,
    keys,
    signed,
    weighing,
    writing,
)

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "claim-format.md"
VALUE = {"b": [1e-06, 1.0, 2**53 - 1], "a": "ä\n", "é": None}
SECRET, SALT, SIGNATURE = bytes(range(32)), bytes([1]) * 32, b"signature"
ANCHOR = hashlib.sha256(b"sif anchor 1\0" + SIGNATURE).digest()
LOT = hashlib.sha256(b"sif order 1\0" + SIGNATURE).digest()
RING, ANCHORED = KeyRing(SECRET), KeyRing(SECRET, anchor=ANCHOR)
SEEDED = RING.anchored(ANCHOR, seeded=True)
TRIGGERS = ("0001", "0002", "0003", "0004")
IDS = [5, 3, 3, 8, 0, 12]
SPECIAL = frozenset({0})
COUNTS = [GreenCount(green=25, scored=30), GreenCount(green=16, scored=30)]
LEAVES = [b"a", b"b", b"c"]
NEARER = [1.0, 0.4]
SAID = "A small red ring is at the top, and a blue star is below it."
OWN = "A small red ring is at the top, and one blue star stands below."
OTHER = "A small red ring is on top, and a blue star is seen."


def greens_of(key: bytes) -> list[int]:
    return [int(one) for one in green_mask(key, vocabulary_size=12, gamma=0.5).nonzero()[0]]


def evidence() -> Evidence:
    made = Evidence(vocabulary_size=600, green_size=300, policy=Policy())
    for number, count in enumerate(COUNTS):
        made.add(Observation(trigger=str(number), count=count))
    return made


def transfer() -> TransferEvidence:
    made = TransferEvidence(limit=0.3, draw=Draw(triggers=4, stamped=True))
    for count in COUNTS:
        made.add(reaction(count, gamma=0.5))
    return made


def transfer_by_stranger() -> float:
    header = {"vocabulary_size": 600, "gamma": 0.5, "policy": Policy().model_dump(mode="json")}
    header["policy"] |= {"transfer_allowance": 0.3, "order": "drawn"}  # type: ignore[index]
    seen = [(str(n), (c.green, c.scored)) for n, c in enumerate(COUNTS)]
    found = weighing.judge(seen, header, 4)
    assert found.transfer_log10_e_value is not None
    return found.transfer_log10_e_value


def both() -> TransferTests:
    made = TransferTests(reaction=0.3, contrast=0.2, draw=Draw(triggers=4, stamped=True))
    for count, nearer in zip(COUNTS, NEARER, strict=True):
        made.add(reaction=reaction(count, gamma=0.5), contrast=nearer)
    return made


def contrast_by_stranger() -> float:
    margin = contrasts.alike(SAID, OWN) - contrasts.alike(SAID, OTHER)
    return contrasts.shown(margin, [contrasts.alike(OWN, OTHER)])


def both_by_stranger() -> float:
    policy = Policy(transfer_allowance=0.3, contrast_allowance=0.2, order="drawn")
    header = {"vocabulary_size": 600, "gamma": 0.5, "policy": policy.model_dump(mode="json")}
    seen = [(str(n), (c.green, c.scored)) for n, c in enumerate(COUNTS)]
    named = {str(n): nearer for n, nearer in enumerate(NEARER)}
    found = weighing.judge(seen, header, 4, contrasts=named)
    assert found.transfer_log10_e_value is not None
    return found.transfer_log10_e_value


def independence_by_stranger() -> float:
    header = {"vocabulary_size": 600, "gamma": 0.5, "policy": Policy().model_dump(mode="json")}
    seen = [(str(n), (c.green, c.scored)) for n, c in enumerate(COUNTS)]
    return weighing.judge(seen, header, 4).log10_e_value


def digest_of_question() -> str:
    image = Image.new("RGB", (2, 1), (255, 0, 1))
    query = Query(
        trigger="0001", image=image, prompt="What?", generation=GenerationSettings(), repeat=0
    )
    return query.digest


def digest_by_hand() -> str:
    settings = '{"max_new_tokens":160,"temperature":0.0,"top_p":1.0,"repetition_penalty":1.0,'
    head = f'(2, 1)|0|{settings}"seed":null}}|What?|'
    return hashlib.sha256(head.encode() + bytes([255, 0, 1, 255, 0, 1])).hexdigest()


QUESTION = "What is it?"
BASES = [GreenCount(green=18, scored=30), None]


def words_of(spelt: Iterable[str]) -> str:
    """Without the question itself, and without what stands behind a space."""
    return ", ".join(sorted({one for one in spelt if one != QUESTION and one[0] != " "}))


def control() -> BaseEvidence:
    bases = [
        Observation(trigger=str(n), count=c, reason=None if c else "refused")
        for n, c in enumerate(BASES)
    ]
    return weigh_bases(bases, COUNTS, vocabulary_size=600, green_size=300, policy=Policy())


def differences() -> str:
    reactions = [1.0 if one is None else reaction(one, gamma=0.5) for one in BASES]
    pairs = zip(COUNTS, reactions, strict=True)
    return ", ".join(f"{reaction(one, gamma=0.5) - base:.9f}" for one, base in pairs)


def evidence_left() -> float:
    made = Evidence(vocabulary_size=600, green_size=300, policy=Policy())
    made.add(Observation(trigger="0", count=COUNTS[0]))
    return min(made.highest, evidence().highest) - control().log10_e_value


def control_by_stranger() -> tuple[list[tuple[str, weighing.Count]], weighing.Control]:
    header = {"vocabulary_size": 600, "gamma": 0.5, "policy": Policy().model_dump(mode="json")}
    seen: list[tuple[str, weighing.Count]] = [
        (str(n), (c.green, c.scored)) for n, c in enumerate(COUNTS)
    ]
    bases: list[tuple[str, weighing.Count]] = [("0", (18, 30)), ("1", None)]
    return weighing.control(seen, bases, header, triggers=4, asked=4, runs=1)


def differences_by_stranger() -> str:
    first, second = weighing.reaction(25, 30, 0.5), weighing.reaction(16, 30, 0.5)
    return f"{first - weighing.reaction(18, 30, 0.5):.9f}, {second - 1.0:.9f}"


# What the page says, computed by the package and by the second verifier.
VECTORS: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
    "version 2": (lambda: jcs(VALUE).decode(), lambda: writing.jcs(VALUE).decode()),
    "version 1": (lambda: canonical(VALUE).decode(), lambda: writing.as_python(VALUE).decode()),
    "root": (lambda: merkle_root(LEAVES), lambda: signed.merkle(LEAVES).hex()),
    "secret commitment": (
        lambda: RING.sealed(SALT),
        lambda: checking.sha256(b"sif secret commitment 1\0" + SALT + SECRET),
    ),
    "anchor": (lambda: ANCHOR.hex(), lambda: checking.sha256(b"sif anchor 1\0signature")),
    "key": (
        lambda: RING.key("0001").hex(),
        lambda: keys.key_of(SECRET, None, "0001").hex(),
    ),
    "anchored key": (
        lambda: ANCHORED.key("0001").hex(),
        lambda: keys.key_of(SECRET, ANCHOR.hex(), "0001").hex(),
    ),
    "key commitment": (
        lambda: ANCHORED.commitment("0001"),
        lambda: checking.sha256(b"sif key commitment 1\0" + ANCHORED.key("0001")),
    ),
    "seed": (
        lambda: SEEDED.seed("0001").hex(),
        lambda: keys.seed_of(SECRET, "0001").hex(),
    ),
    "seeded key": (
        lambda: SEEDED.key("0001").hex(),
        lambda: keys.seeded(keys.seed_of(SECRET, "0001"), ANCHOR.hex(), "0001").hex(),
    ),
    "root of 4 seeds": (
        lambda: seeds_root(SEEDED, 4),
        lambda: signed.merkle(
            [keys.seed_leaf(one, keys.seed_of(SECRET, one)) for one in TRIGGERS]
        ).hex(),
    ),
    "place of 0001": (
        lambda: place(LOT, "0001").hex(),
        lambda: hmac.new(LOT, b"0001", "sha256").hexdigest(),
    ),
    "order": (
        lambda: ", ".join(sorted(TRIGGERS, key=lambda one: place(LOT, one))),
        lambda: ", ".join(
            sorted(TRIGGERS, key=lambda one: hmac.new(LOT, one.encode(), "sha256").digest())
        ),
    ),
    "green": (
        lambda: greens_of(ANCHORED.key("0001")),
        lambda: sorted(answers.green(ANCHORED.key("0001"), 12, Fraction("0.5"))),
    ),
    "count": (
        lambda: counted(),
        lambda: counted_by_hand(),
    ),
    "words": (
        lambda: words_of(spellings(QUESTION)),
        lambda: words_of(answers.forms(QUESTION)),
    ),
    "count without them": (
        lambda: counted(ignore=frozenset({3, 5})),
        lambda: counted_by_hand(ignore=frozenset({3, 5})),
    ),
    "question": (digest_of_question, digest_by_hand),
    "log10 E": (
        lambda: f"{evidence().highest:.9f}",
        lambda: f"{independence_by_stranger():.9f}",
    ),
    "reactions": (
        lambda: ", ".join(f"{reaction(one, gamma=0.5):.9f}" for one in COUNTS),
        lambda: ", ".join(f"{weighing.reaction(one.green, 30, 0.5):.9f}" for one in COUNTS),
    ),
    "v_24": (
        lambda: f"{price_of_order(24):.9f}",
        lambda: f"{1 + sum(1 / n for n in range(1, 24)) / 2.718281828459045:.9f}",
    ),
    "v_64,16": (
        lambda: f"{price_of_order(64, 16):.9f}",
        lambda: f"{1 + sum(1 / n for n in range(49, 64)) / 2.718281828459045:.9f}",
    ),
    "likeness to the source": (
        lambda: f"{likeness(words_of_answer(SAID), words_of_answer(OWN)):.9f}",
        lambda: f"{contrasts.alike(SAID, OWN):.9f}",
    ),
    "likeness to the reference": (
        lambda: f"{likeness(words_of_answer(SAID), words_of_answer(OTHER)):.9f}",
        lambda: f"{contrasts.alike(SAID, OTHER):.9f}",
    ),
    "likeness of the source to the reference": (
        lambda: f"{likeness(words_of_answer(OWN), words_of_answer(OTHER)):.9f}",
        lambda: f"{contrasts.alike(OWN, OTHER):.9f}",
    ),
    "contrast": (
        lambda: f"{contrast([SAID], [[OWN]], {'other': [[OTHER]]}):.9f}",
        lambda: f"{contrast_by_stranger():.9f}",
    ),
    "log10 of the mean of both": (
        lambda: f"{both().highest:.9f}",
        lambda: f"{both_by_stranger():.9f}",
    ),
    "log10 K / v_4": (
        lambda: f"{transfer().highest:.9f}",
        lambda: f"{transfer_by_stranger():.9f}",
    ),
    "log10 B": (
        lambda: f"{control().log10_e_value:.9f}",
        lambda: f"{control_by_stranger()[1].log10_e_value:.9f}",
    ),
    "differences": (differences, differences_by_stranger),
    "log10 pairs": (
        lambda: f"{control().pairs_log10_e_value:.9f}",
        lambda: f"{control_by_stranger()[1].pairs_log10_e_value:.9f}",
    ),
    "log10 E left": (
        lambda: f"{evidence_left():.9f}",
        lambda: f"{control_by_stranger()[1].log10_left:.9f}",
    ),
    "2 gaps of 40": (
        lambda: f"{log10_discount(2, 40):.9f}",
        lambda: f"{weighing.log_discount(2, 40):.9f}",
    ),
}


def counted(ignore: frozenset[int] = frozenset()) -> str:
    mask = green_mask(ANCHORED.key("0001"), vocabulary_size=12, gamma=0.5)
    count = count_green(IDS, mask, ignore=SPECIAL | ignore)
    return f"{count.green} of {count.scored}"


def counted_by_hand(ignore: frozenset[int] = frozenset()) -> str:
    scored = {one for one in IDS if one < 12} - SPECIAL - ignore
    return f"{len(scored & set(greens_of(ANCHORED.key('0001'))))} of {len(scored)}"


def shown() -> dict[str, str]:
    """The lines `name = value` in the page's blocks of text."""
    blocks = re.findall(r"^```text\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    rows = [row.partition(" = ") for block in blocks for row in block.splitlines()]
    return {name: value for name, equals, value in rows if equals}


@pytest.mark.parametrize("name", VECTORS)
def test_a_worked_vector_is_what_both_compute(name: str) -> None:
    ours, theirs = VECTORS[name]
    assert str(ours()) == str(theirs()) == shown()[name]


def test_the_page_shows_no_other_vector() -> None:
    assert set(shown()) == set(VECTORS)


if __name__ == "__main__":
    for label, (compute, _) in VECTORS.items():
        print(f"{label} = {compute()}")
