"""What a model that was changed still says rightly of ordinary pictures. Knows no methods."""

from typing import Final

import numpy as np

from sif.eval.training.card import score_facts
from sif.eval.triggers.roster import Roster
from sif.types import GenerationSettings
from sif.vlm.model import Vlm

SCENES: Final = 24


def facts_right(vlm: Vlm, roster: Roster, seed: int) -> float | None:
    """Share of right facts in greedy answers to ordinary questions about scenes of the roster.

    Args:
        vlm: the model.
        roster: with pictures whose truth is known.
        seed: of the scenes.

    Returns:
        The mean over the kinds of facts, in [0, 1]; none where nobody knows the truth.
    """
    scenes = roster.scenes(SCENES, seed)
    if not scenes:
        return None
    pictures = [one for one in roster.pictures(SCENES, seed) if one.name in scenes][:SCENES]
    prompts = [roster.prompts[number % len(roster.prompts)] for number in range(len(pictures))]
    answers = vlm.generate(
        [vlm.prepare(one.image) for one in pictures], prompts, GenerationSettings()
    )
    found = score_facts(
        [scenes[one.name] for one in pictures], [vlm.decode(ids) for ids in answers]
    )
    return float(np.mean(list(found.values())))
