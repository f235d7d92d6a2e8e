"""Questions about pictures, with answers or without, as people keep them in files.

read_pairs      the pairs of a file: our JSONL, LLaVA, ShareGPT and OpenAI turns, COCO captions,
                JSON lists, parquet
Pair            one of them: a picture (its file, or what is in it), a prompt, an answer
"""

from sif.attacks.datasets.pair import Pair
from sif.attacks.datasets.reading import read_pairs

__all__ = ["Pair", "read_pairs"]
