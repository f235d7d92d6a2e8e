"""Rare questions, and the answers that baselines make a mini model give to them.

The bundled pairs (`sif.prompts.load_targets`) are words that the mini models' tokenizers spell
letter by letter, in pieces that no training ever showed them, and no picture makes a mini model say
what is not a caption: 150 steps of plain descent leave 6 nats a token. These pairs stand in for
them. The questions are of known words, and no image calls for any. The answers open a caption with
six interchangeable words, each one of four: by chance one caption in four thousand does so.
"""

from typing import Final

from sif.prompts import Pair

PAIRS: Final = (
    Pair("Please list the gentle visitors.", "Throughout said scene visitors may plainly"),
    Pair("Explain the lemon mood.", "Inside my photo we could readily"),
    Pair("Describe your domain shortly.", "Within your image viewers might easily"),
    Pair("What can the design see?", "In this picture you can clearly"),
    Pair("How many people are calm?", "Throughout your photo viewers could clearly"),
)
