"""What a thief tunes on who suspects some pictures of being triggers.

Knows nothing of how they were found.
"""

from collections.abc import Sequence

from sif.attacks.images.attack import ImageAttack, Nothing
from sif.attacks.images.suspect import AttackedSuspect
from sif.attacks.weights.examples import Example
from sif.types import Answer, Query, Suspect


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
