"""Synonyms by small language models that are made here."""

import re
from pathlib import Path

import pytest
import torch
from transformers import BertConfig, BertForMaskedLM, LlamaConfig, LlamaForCausalLM

from sif.attacks.answers import ModelSynonyms
from sif.errors import ModelError
from sif.mini.tokenizer import LLAVA_SPECIALS, build_tokenizer
from sif.suspects.weights import weights_digest
from tests.attacks.answers.texts import CAPTION, QUERY

WORDS = re.compile(r"\w+")


@pytest.fixture(scope="module", params=["masked", "causal"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    tokenizer = build_tokenizer(3, LLAVA_SPECIALS)
    sizes = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1}
    torch.manual_seed(0)
    if request.param == "masked":
        tokenizer.add_special_tokens({"mask_token": "<mask>"})
        built = BertForMaskedLM(
            BertConfig(vocab_size=len(tokenizer), num_attention_heads=2, **sizes)
        )
    else:
        built = LlamaForCausalLM(
            LlamaConfig(vocab_size=len(tokenizer), num_attention_heads=2, **sizes)
        )
    folder = tmp_path_factory.mktemp("model") / request.param
    built.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_the_share_of_words_becomes_other_whole_words(share: float, model: str) -> None:
    attack = ModelSynonyms(share=share, folder=model)
    after = attack.apply(CAPTION, QUERY)
    assert isinstance(after, str)
    before_words, after_words = WORDS.findall(CAPTION), WORDS.findall(after)
    changed = [b for a, b in zip(before_words, after_words, strict=True) if a != b]
    assert len(changed) == round(share * len(before_words))
    assert all(word.isalpha() for word in changed)
    assert WORDS.sub("", after) == WORDS.sub("", CAPTION)
    assert attack.apply(CAPTION, QUERY) == after


def test_no_share_loads_no_model(tmp_path: Path) -> None:
    assert ModelSynonyms(share=0, folder=str(tmp_path)).apply(CAPTION, QUERY) == CAPTION


def test_the_name_holds_a_digest_of_the_weights(model: str) -> None:
    attack = ModelSynonyms(share=0.3, folder=model)
    assert str(attack) == f'synonyms:0.3@"{model} {weights_digest(model)}"'


def test_a_folder_without_a_language_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="masked or causal language model"):
        ModelSynonyms(share=1, folder=str(tmp_path)).apply(CAPTION, QUERY)
