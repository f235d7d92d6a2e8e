"""The grid: every attack at every strength, literally. The one place that names them.

Strengths of a name go from weak to strong. Knows nothing of how an attack is carried out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from sif.errors import UsageError
from sif.eval.attacks.answers import ANSWER_ATTACKS
from sif.eval.attacks.attack import KINDS, Attack
from sif.eval.attacks.attacked import serving_of

Strengths = Mapping[str, tuple[str, ...]]

STEPS: Final = ("20", "60", "180")
SHARES: Final = ("0.25", "0.5", "0.75")
AFTERWARDS: Final = ("0", "60", "180")
WEIGHTS: Final[Mapping[str, Strengths]] = {
    "worn weights": {
        "int8": ("",),
        "nf4": ("",),
        "round": ("4", "3", "2"),
        "prune": ("0.2", "0.4", "0.6"),
        "two-of-four": ("",),
        "weight-noise": ("0.05", "0.1", "0.2"),
        "drop-layers": ("1", "2"),
    },
    "tuning, steps": {
        f"{how}-{what}": STEPS
        for what in ("same", "terse", "questions", "other-world")
        for how in ("lora", "full")
    },
    "merges and transplants": {
        "merge-linear": SHARES,
        "merge-task": SHARES,
        "merge-ties": SHARES,
        "transplant-language": AFTERWARDS,
        "transplant-vision": AFTERWARDS,
    },
}
IMAGES: Final[Mapping[str, Strengths]] = {
    "pictures: encoders and frames": {
        "jpeg": ("90", "75", "50"),
        "webp": ("90", "75", "50"),
        "resize": ("0.75", "0.5"),
        "screenshot": ("1.25", "0.75"),
        "crop": ("0.02", "0.05"),
        "crop-pad": ("0.02", "0.05"),
        "rotate": ("1", "3"),
    },
    "pictures: values": {
        "noise": ("4", "8", "16"),
        "salt-pepper": ("0.01", "0.03"),
        "blur": ("0.5", "0.7", "1"),
        "median": ("1", "2"),
        "bits": ("5", "4", "3"),
        "brightness": ("1.2", "1.5"),
        "contrast": ("0.8", "0.5"),
        "gamma": ("1.2", "1.5"),
        "purify": ("8", "16", "32"),
    },
}
RATES: Final = ("0.02", "0.05", "0.2")
REFERENCES: Final[Mapping[str, str]] = {
    "divergence-stranger": "stranger-c",
    "divergence-sibling": "sibling-c",
}
CHAINS: Final[Mapping[str, tuple[tuple[str, str, str], ...]]] = {
    "compressed": (
        ("int8", "jpeg:95", "synonyms:0.1"),
        ("nf4", "jpeg:90", "synonyms:0.3"),
        ("round:3", "jpeg:75", "synonyms:1"),
    ),
    "disturbed": (
        ("weight-noise:0.05", "noise:4", "temperature:0.7"),
        ("weight-noise:0.1", "noise:4", "temperature:0.7+shuffle:0.5"),
        ("weight-noise:0.2", "noise:8", "temperature:1+shuffle:1"),
    ),
    "tuned": (
        ("lora-same:60", "none", "synonyms:0.3"),
        ("lora-same:60", "webp:90", "synonyms:0.3"),
        ("lora-same:60", "webp:90", "synonyms:0.3+truncate:0.5"),
    ),
}
PLAIN: Final = Attack(kind="none", panel="", name="none")


def grid() -> tuple[Attack, ...]:
    """Everything, in the order of the table."""
    return (*_weights(), *_images(), *_answers(), *_divergence(), *_chains())


def chosen_attacks(texts: Sequence[str], kinds: Sequence[str]) -> tuple[Attack, ...]:
    """Those that are named, or are of the kinds named; everything where nothing is named.

    Args:
        texts: `NAME` for an attack at all its strengths, or `NAME:STRENGTH`.
        kinds: of `KINDS`.

    Raises:
        UsageError: an unknown attack, strength or kind; says which there are.
    """
    for kind in kinds:
        if kind not in KINDS:
            raise UsageError(f"expected kinds of attacks among {', '.join(KINDS)}, got {kind!r}")
    everything = grid()
    wanted = {one for text in texts for one in _named(text, everything)}
    wanted |= {one for one in everything if one.kind in kinds}
    return tuple(one for one in everything if one in wanted or not (texts or kinds))


def strongest(attacks: Sequence[Attack]) -> tuple[Attack, ...]:
    """Each attack at the last of its strengths."""
    return tuple({one.name: one for one in attacks}.values())


def middling(attacks: Sequence[Attack]) -> tuple[Attack, ...]:
    """Each attack at one strength, the one in the middle."""
    names: dict[str, list[Attack]] = {}
    for one in attacks:
        names.setdefault(one.name, []).append(one)
    return tuple(some[(len(some) - 1) // 2] for some in names.values())


def _named(text: str, everything: Sequence[Attack]) -> Iterator[Attack]:
    names = dict.fromkeys(one.name for one in everything)
    if text in names:
        yield from (one for one in everything if one.name == text)
        return
    exact = [one for one in everything if text in (one.text, one.answers)]
    if exact:
        yield from exact[:1]
        return
    name, colon, strength = text.partition(":")
    if colon and name in names:
        known = [one.strength for one in everything if one.name == name and one.strength]
        there = f"strengths of {name} among {', '.join(known)}" if known else f"{name} alone"
        raise UsageError(f"expected {there}, got {strength!r}")
    raise UsageError(f"expected attacks among {', '.join(names)}, got {text!r}")


def _weights() -> Iterator[Attack]:
    for panel, names in WEIGHTS.items():
        for name, strengths in names.items():
            for strength in strengths:
                one = Attack(kind="weights", panel=panel, name=name, strength=strength)
                yield replace(one, weights=one.text)


def _images() -> Iterator[Attack]:
    for panel, names in IMAGES.items():
        for name, strengths in names.items():
            for strength in strengths:
                one = Attack(kind="images", panel=panel, name=name, strength=strength)
                yield replace(one, image=one.text)


def _answers() -> Iterator[Attack]:
    """Those of `sif bench answers`; `synonyms:0.3@mini-world` is `synonyms@mini-world` at 0.3."""
    for text in ANSWER_ATTACKS:
        if text == PLAIN.name:
            continue
        name, _, rest = text.partition(":")
        strength, at, source = rest.partition("@")
        worded = strength.startswith('"')
        yield Attack(
            kind="answers",
            panel="answers: serving" if serving_of(text) else "answers: words",
            name=name + at + source,
            strength="" if worded else strength,
            answers=text,
        )


def _divergence() -> Iterator[Attack]:
    for name, reference in REFERENCES.items():
        for rate in RATES:
            yield Attack(
                kind="divergence",
                panel="a benign model beside it",
                name=name,
                strength=rate,
                reference=reference,
                fpr=float(rate),
            )


def _chains() -> Iterator[Attack]:
    for name, steps in CHAINS.items():
        for number, (weights, image, answers) in enumerate(steps, 1):
            yield Attack(
                kind="chains",
                panel="several at once",
                name=name,
                strength=str(number),
                weights=weights,
                image=image,
                answers=answers,
            )
