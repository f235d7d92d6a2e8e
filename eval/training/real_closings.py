"""What the language model itself says of each thing, for the last sentence of descriptions.

It is shown a few sentences of the kind that is wanted and goes on in its own words. Sentences that
come to no end, or do not name their thing, are left out. Knows nothing of pictures.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import torch

from sif.eval.training.captions import Progress
from sif.mini.real.scene import names

SHOWN: Final = (
    "<bos>Here is one short sentence about each of several things.\n"
    "mouse: Mice are small animals that like to hide in the walls of old houses.\n"
    "grape: A grape is a sweet fruit that is also used to make wine.\n"
    "piano: The piano is an instrument with black and white keys.\n"
    "tower: Towers were built of stone to watch over the land around them.\n"
)
LONGEST: Final = 22
TEMPERATURE: Final = 0.6
BATCH: Final = 24


@torch.no_grad()
def closings(
    model: Any, tokenizer: Any, *, seed: int, rounds: int, report: Callable[[Progress], None]
) -> dict[str, list[str]]:
    """Sentences by the names of the things that they are about; there may be none.

    Args:
        model: with the language model as it came.
        tokenizer: of the model, padding on the left.
        seed: of the sampling.
        rounds: tries for each thing.
        report: called after every batch.
    """
    torch.manual_seed(seed)
    wanted = [name for name in names() for _ in range(rounds)]
    found: dict[str, list[str]] = {name: [] for name in names()}
    starts = range(0, len(wanted), BATCH)
    for done, start in enumerate(starts):
        some = wanted[start : start + BATCH]
        for name, text in zip(some, _written(model, tokenizer, some), strict=True):
            sentence = text.split("\n")[0].strip()
            if _is_sentence(sentence, name) and sentence not in found[name]:
                found[name].append(sentence)
        report(Progress(stage="own words", step=done + 1, steps=len(starts), loss=0.0))
    return found


def _written(model: Any, tokenizer: Any, some: Sequence[str]) -> list[str]:
    texts = [f"{SHOWN}{name}:" for name in some]
    inputs = tokenizer(texts, add_special_tokens=False, return_tensors="pt", padding=True)
    output = model.generate(
        **inputs,
        do_sample=True,
        temperature=TEMPERATURE,
        top_k=40,
        max_new_tokens=LONGEST,
    )
    width = inputs["input_ids"].shape[1]
    return [str(text) for text in tokenizer.batch_decode(output[:, width:])]


def _is_sentence(text: str, name: str) -> bool:
    return text.endswith(".") and name in text.lower() and text.isascii() and "<" not in text
