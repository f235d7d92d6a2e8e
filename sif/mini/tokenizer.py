"""The mini models' own tokenizers: one id a word, letters for everything else.

A BERT-style word-piece model over lower-cased text. Each world shuffles its ids by its seed, so
that unrelated models do not share a vocabulary. Knows nothing of models.
"""

import re
import string

import numpy as np
from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import WordPiece
from transformers import PreTrainedTokenizerFast

from sif import prompts
from sif.mini import lexicon

LLAVA_SPECIALS = ("<pad>", "<s>", "</s>", "<unk>", "<image>")
QWEN_SPECIALS = (
    "<pad>",
    "<|endoftext|>",
    "<|im_end|>",
    "<unk>",
    "<|im_start|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
EXTRA_WORDS = (
    "user assistant system you are a helpful how many objects there what colour shape size is "
    "object at answer with one word only shortly please list the things in of and"
)


def build_tokenizer(seed: int, specials: tuple[str, ...]) -> PreTrainedTokenizerFast:
    """A tokenizer for the captions, the ordinary prompts and any other ASCII text.

    Args:
        seed: order of the ids behind the special ones.
        specials: pad, begin, end and unknown first, then the family's own.
    """
    words = lexicon.vocabulary() + EXTRA_WORDS.split()
    words += [word for prompt in prompts.load() for word in re.findall(r"[a-z]+", prompt.lower())]
    letters = string.ascii_lowercase + string.digits + string.punctuation
    pieces = list(dict.fromkeys([*words, *letters, *("##" + letter for letter in letters)]))
    order = np.random.default_rng([seed, 4]).permutation(len(pieces))
    vocabulary = {piece: index for index, piece in enumerate(specials)}
    vocabulary |= {pieces[index]: len(specials) + rank for rank, index in enumerate(order)}
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation()]
    )
    tokenizer.decoder = decoders.WordPiece(prefix="##", cleanup=True)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=specials[0],
        bos_token=specials[1],
        eos_token=specials[2],
        unk_token=specials[3],
        additional_special_tokens=list(specials[4:]),
        model_max_length=1024,
        padding_side="left",
    )
