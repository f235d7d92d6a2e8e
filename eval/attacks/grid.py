"""The grid: every attack at every strength, literally. The one place that names them.

An attack is one thing that a thief does, whatever it is done to: weights, pictures, answers, or
several. Strengths of a name go from weak to strong. Knows nothing of how it is carried out.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

from sif.attacks.answers import ServingAttack, parse_answer_attacks
from sif.attacks.answers.quoting import quoted
from sif.errors import UsageError

Kind = Literal["none", "weights", "images", "answers", "divergence", "chains"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)[1:]
NONE: Final = "none"
EVERYTHING: Final = "all"
SIBLING: Final = "sibling"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """An attack at one strength.

    Attributes:
        kind: what it is done to.
        panel: the picture in which its curve is drawn.
        name: of the curve; strengths of one name are one attack, from weak to strong.
        strength: the only knob; empty for an attack without one.
        weights: the theft, as `sif.eval.attacks.thefts` reads it.
        image: attacks on pictures, in their text form.
        answers: attacks on answers, in their text form, serving first.
        reference: the benign model of a semantic divergence attack, by its name in the roster.
        fpr: its false-positive rate on benign traffic.
    """

    kind: Kind
    panel: str
    name: str
    strength: str = ""
    weights: str = NONE
    image: str = NONE
    answers: str = NONE
    reference: str | None = None
    fpr: float = 0.05

    @property
    def text(self) -> str:
        """As it is typed: `jpeg:75`, or the name alone where there is no strength."""
        return f"{self.name}:{self.strength}" if self.strength else self.name

    @property
    def slug(self) -> str:
        """For names of files."""
        return re.sub(r"[^\w.-]+", "-", self.text)

    @property
    def only_words(self) -> bool:
        """Whether the source's own answers are all that it needs."""
        untouched = (self.weights, self.image) == (NONE, NONE) and self.reference is None
        return untouched and not serving_of(self.answers)

    @property
    def parts(self) -> str:
        """All that is done, for people."""
        done = [part for part in (self.weights, self.image, self.answers) if part != NONE]
        if self.reference is not None:
            done.append(f"behind {self.reference}")
        return ", ".join(done) or "nothing"


def serving_of(answers: str) -> list[ServingAttack]:
    """The attacks in serving among attacks on answers; they come first.

    Raises:
        UsageError: an attack that cannot be read, or one in serving behind one on words.
    """
    attacks = parse_answer_attacks(answers)
    serving = [attack for attack in attacks if isinstance(attack, ServingAttack)]
    if any(isinstance(attack, ServingAttack) for attack in attacks[len(serving) :]):
        raise UsageError(f"expected attacks in serving before those on words, got {answers}")
    return serving


Strengths = Mapping[str, tuple[str, ...]]

STEPS: Final = ("20", "60", "180")
SHARES: Final = ("0.25", "0.5", "0.75")
AFTERWARDS: Final = ("0", "60", "180")
PUSHES: Final = ("0.1", "1", "10")
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
    "removal, push": {
        "remove-language": PUSHES,
        "remove-all": PUSHES,
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
SHORTLY: Final = quoted("answer with one word only")
ANSWER_ATTACKS: Final = (
    *("truncate:0.5", "truncate:0.25", "drop:0.3", "drop:0.6", "shuffle:0.5", "shuffle:1"),
    *("synonyms:0.3", "synonyms:1", "synonyms:0.3@mini-world", "synonyms:1@mini-world"),
    *("translate:0.5@mini-world", "translate:1@mini-world", "case:0.5", "case:1"),
    *("punctuation:0.5", "punctuation:1", 'prefix:"In this picture"'),
    *("refuse:0.2", "refuse:0.5", "withhold:0.2", "withhold:0.5"),
    *("temperature:0.7", "temperature:1.5", f"system:{SHORTLY}", "cache"),
    *(f"turns:0.25@{SIBLING}", f"turns:0.5@{SIBLING}"),
    *("watermark:2", "watermark:5", "watermark-by-word:2", "watermark-by-word:5"),
    *("gumbel:1", "gumbel:4"),
)
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
    return (
        *_panels("weights", WEIGHTS),
        *_panels("images", IMAGES),
        *_answers(),
        *_divergence(),
        *_chains(),
    )


def chosen_attacks(
    texts: Sequence[str] = (), kinds: Sequence[str] = (), answers: Sequence[str] = ()
) -> tuple[Attack, ...]:
    """Those that are named, or are of the kinds named; everything where nothing is named.

    Args:
        texts: `NAME` for an attack at all its strengths, or `NAME:STRENGTH`.
        kinds: of `KINDS`, or `all`.
        answers: attacks on answers in their text form, which need not be in the grid.

    Raises:
        UsageError: an unknown attack, strength or kind; says which there are.
    """
    for kind in kinds:
        if kind not in (*KINDS, EVERYTHING):
            raise UsageError(f"expected kinds of attacks among {', '.join(KINDS)}, got {kind!r}")
    everything = grid()
    wanted = {one for text in texts for one in _named(text, everything)}
    wanted |= {one for one in everything if one.kind in kinds or EVERYTHING in kinds}
    if not (texts or kinds or answers):
        wanted = set(everything)
    known = {one.answers: one for one in everything if one.kind == "answers"}
    own = dict.fromkeys(known.get(text) or _on_answers(text) for text in answers if text != NONE)
    some = (one for one in everything if one in wanted or one in own)
    return (*some, *(one for one in own if one not in everything))


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


def _panels(kind: Kind, panels: Mapping[str, Strengths]) -> Iterator[Attack]:
    for panel, names in panels.items():
        for name, strengths in names.items():
            for strength in strengths:
                one = Attack(kind=kind, panel=panel, name=name, strength=strength)
                done = {"weights": one.text} if kind == "weights" else {"image": one.text}
                yield replace(one, **done)  # type: ignore[arg-type]  # both are texts


def _on_answers(text: str, name: str | None = None, strength: str = "") -> Attack:
    panel = "answers: serving" if serving_of(text) else "answers: words"
    return Attack(kind="answers", panel=panel, name=name or text, strength=strength, answers=text)


def _answers() -> Iterator[Attack]:
    """`synonyms:0.3@mini-world` is `synonyms@mini-world` at 0.3."""
    for text in ANSWER_ATTACKS:
        name, _, rest = text.partition(":")
        strength, at, source = rest.partition("@")
        worded = strength.startswith('"')
        yield _on_answers(text, name + at + source, "" if worded else strength)


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
