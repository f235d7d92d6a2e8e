"""Keyed targets in a benchmark: what each trigger asks, and the answer that the key drew for it.

Knows nothing of suspects or evidence.
"""

from collections.abc import Sequence

from sif.fingerprint.plan import trigger_id
from sif.prompts import Pair
from sif.watermark.keys import KeyRing
from sif.watermark.targets import AnswerList


def keyed_pairs(
    answers: AnswerList, *, prompts: Sequence[str], keys: KeyRing, count: int
) -> tuple[Pair, ...]:
    """A question and the drawn answer for every trigger.

    Args:
        answers: the list.
        prompts: ordinary questions, taken in turn where the list has none of its own.
        keys: the secret; a trigger's target follows from the key of its id.
        count: number of triggers.
    """
    return tuple(
        Pair(
            answers.question or prompts[index % len(prompts)],
            answers.answer(answers.draw(keys.key(trigger_id(index)))),
        )
        for index in range(count)
    )
