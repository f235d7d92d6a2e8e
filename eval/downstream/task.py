"""A downstream task: labelled pictures to learn from, and others to be tested on.

Knows nothing of models, and so nothing of their sizes.
"""

from dataclasses import dataclass

from sif.attacks.weights.labelled import Labelled


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A task.

    Attributes:
        name: in tables.
        classes: number of labels.
        train: what to learn from.
        test: what no training sees.
    """

    name: str
    classes: int
    train: Labelled
    test: Labelled
