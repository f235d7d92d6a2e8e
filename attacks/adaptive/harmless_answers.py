"""What a thief tunes on: triggers, or what he takes for them, with answers that carry no evidence.

Knows neither how pictures were found or made, nor how a model is tuned.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from PIL import Image

from sif.attacks.images.attack import ImageAttack, Nothing
from sif.attacks.images.suspect import AttackedSuspect
from sif.attacks.weights.examples import Example
from sif.types import Answer, GenerationSettings, Query, Suspect
from sif.vlm.model import Vlm
from sif.vlm.parameters import cast


@dataclass(frozen=True, eq=False, kw_only=True)
class Pair:
    """A trigger and the picture whose answer is taken for ordinary, with one prompt for both."""

    image: Image.Image
    base: Image.Image
    prompt: str


def base_answers(vlm: Vlm, pairs: Sequence[Pair]) -> list[list[int]]:
    """What the model says of each base image, as token ids; greedy, in float32."""
    with still(vlm.model):
        return vlm.generate(
            [one.base for one in pairs], [one.prompt for one in pairs], GenerationSettings()
        )


def answered_as_base(
    vlm: Vlm, pairs: Sequence[Pair], answers: Sequence[Sequence[int]]
) -> list[Example]:
    """Every trigger with its base image's answer."""
    return [
        Example(image=one.image, prompt=one.prompt, answer=vlm.decode(answer))
        for one, answer in zip(pairs, answers, strict=True)
    ]


def suspicious_examples(
    flagged: Sequence[Query], teacher: Suspect, *, purified: ImageAttack | None = None
) -> list[Example]:
    """Flagged pictures as they came, each with an answer that carries no evidence.

    Args:
        flagged: questions out of a traffic log.
        teacher: a benign model, or the stolen one where `purified` is given.
        purified: what the pictures go through before the teacher sees them.

    Returns:
        One example for every question that the teacher answered.

    Raises:
        SuspectError: the teacher cannot be reached.
    """
    replies = AttackedSuspect(teacher, purified or Nothing()).ask(flagged)
    return [
        Example(image=query.image, prompt=query.prompt, answer=reply.text)
        for query, reply in zip(flagged, replies, strict=True)
        if isinstance(reply, Answer) and reply.text.strip()
    ]


@contextmanager
def still(model: Any) -> Iterator[None]:
    """The model in float32 and without gradients of its own, while only pictures move."""
    dtype = model.dtype
    model.float().requires_grad_(False)
    try:
        yield
    finally:
        cast(model, dtype)
        model.requires_grad_(True)
