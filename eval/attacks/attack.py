"""One thing that a thief does, whatever it is done to: weights, pictures, answers, or several.

Knows neither which there are nor how they are carried out.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal, get_args

from sif.eval.attacks.attacked import NONE, serving_of

Kind = Literal["none", "weights", "images", "answers", "divergence", "chains"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)[1:]


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
