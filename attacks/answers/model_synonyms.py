"""Words replaced by what a language model would say in their place: a masked or a causal one.

Only whole words that are one token can be put in; which of them fits is the model's own judgement.
Knows no dictionary and no suspects.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np

from sif.attacks.answers.attack import AnswerAttack, Occasion, some_of
from sif.attacks.answers.quoting import quoted
from sif.attacks.answers.synonyms import WORD, Synonyms, replaced
from sif.errors import ModelError
from sif.suspects.weights import weights_digest

CANDIDATES: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSynonyms(AnswerAttack):
    """Replaces some words, drawn at random, by the likeliest other word of a language model.

    A masked model sees the whole answer but the word; a causal one names candidates from the words
    before, and the one of them that makes the whole answer likeliest is taken. Words are replaced
    one by one, each with the others as they were in the answer.

    Attributes:
        share: of the words, 0 to 1; 0 changes nothing.
        folder: of the model, with its tokenizer.

    Raises:
        UsageError: the share is out of range.
    """

    share: int | float
    folder: str

    def __post_init__(self) -> None:
        Synonyms.strength.check(self.share)

    def __str__(self) -> str:
        named = f"{self.folder} {weights_digest(self.folder)}"
        return f"{Synonyms.strength.text(self.share)}@{quoted(named)}"

    def attacked(self, text: str, occasion: Occasion) -> str:
        """The same answer with other words.

        Raises:
            ModelError: no language model lies in the folder.
        """
        words = [word.span() for word in WORD.finditer(text)]
        chosen = some_of(range(len(words)), self.share, occasion.rng(str(self)))
        if not chosen:
            return text
        model = _load(self.folder)
        spans = [words[index] for index in chosen]
        return replaced(text, spans, [model.another(text, start, end) for start, end in spans])


@dataclass(frozen=True, eq=False)
class _LanguageModel:
    """A loaded model.

    Attributes:
        masked: whether it fills gaps; it continues texts otherwise.
        words: for every id the word that it adds behind another one; None for all that is no word.
    """

    model: Any
    tokenizer: Any
    masked: bool
    words: tuple[str | None, ...]

    def another(self, text: str, start: int, end: int) -> str | None:
        """The best word for this place but for the one that is there; None where none is known."""
        scores = self._filling(text, start, end) if self.masked else self._following(text[:start])
        found: list[str] = []
        for index in np.argsort(-scores, kind="stable"):
            word = self.words[index] if index < len(self.words) else None
            if word is not None and word.lower() != text[start:end].lower():
                found.append(word)
            if len(found) == (1 if self.masked else CANDIDATES):
                break
        if len(found) < 2:
            return found[0] if found else None
        likelihoods = [self._likelihood(text[:start] + word + text[end:]) for word in found]
        return found[int(np.argmax(likelihoods))]

    def _filling(self, text: str, start: int, end: int) -> Any:
        masked = text[:start] + self.tokenizer.mask_token + text[end:]
        ids = self._ids(masked)
        (places,) = (ids[0] == self.tokenizer.mask_token_id).nonzero(as_tuple=True)
        return self._logits(ids)[int(places[0])]

    def _following(self, before: str) -> Any:
        return self._logits(self._ids(before.rstrip() or self.words_begin))[-1]

    @property
    def words_begin(self) -> str:
        """What a text begins with that has no words yet."""
        return str(self.tokenizer.bos_token or self.tokenizer.eos_token or ".")

    def _likelihood(self, text: str) -> float:
        ids = self._ids(text)
        logits = self._logits(ids)[:-1]
        shifted = logits - logits.max(axis=-1, keepdims=True)
        chances = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
        return float(np.take_along_axis(chances, ids[0, 1:, None].numpy(), axis=-1).sum())

    def _ids(self, text: str) -> Any:
        return self.tokenizer(text, return_tensors="pt", truncation=True)["input_ids"]

    def _logits(self, ids: Any) -> Any:
        import torch

        with torch.inference_mode():
            return self.model(input_ids=ids).logits[0].float().numpy()


@cache
def _load(folder: str) -> _LanguageModel:
    """Loads a model once.

    Raises:
        ModelError: no language model lies in the folder.
    """
    from transformers import (
        AutoConfig,
        AutoModelForCausalLM,
        AutoModelForMaskedLM,
        AutoTokenizer,
    )

    from sif.suspects.token_texts import token_texts

    try:
        config = AutoConfig.from_pretrained(folder)
        tokenizer = AutoTokenizer.from_pretrained(folder)
        masked = tokenizer.mask_token is not None and type(config) in (
            AutoModelForMaskedLM._model_mapping
        )
        kind = AutoModelForMaskedLM if masked else AutoModelForCausalLM
        model = kind.from_pretrained(folder).eval()
    except (OSError, ValueError, KeyError) as error:
        line = " ".join(str(error).split())[:160]
        raise ModelError(
            f"expected a masked or causal language model with its tokenizer in {folder}, got none "
            f"that loads: {line}"
        ) from error
    words = tuple(
        surface[1:] if surface and WORD.fullmatch(surface[1:]) and surface[0] == " " else None
        for surface in token_texts(tokenizer)
    )
    return _LanguageModel(model, tokenizer, masked, words)
