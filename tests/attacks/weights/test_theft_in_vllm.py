"""Thief's copies of the architectures that are served most, in a real vLLM engine."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sif.attacks.weights.attack import WeightAttack
from sif.attacks.weights.drop_layers import DropLayers
from sif.attacks.weights.layerwise import TwoOfFour
from sif.attacks.weights.theft import steal
from sif.attacks.weights.transplant import Transplant
from sif.suspects.connect import connect
from sif.types import Answer
from tests.suspects.questions import questions
from tests.vlm.ladder.build import build_folder
from tests.vlm.ladder.climb import attack_of
from tests.vlm.ladder.rung import Rung
from tests.vlm.ladder.rungs import MROPE, RUNGS

pytest.importorskip("vllm")
pytestmark = [pytest.mark.vllm, pytest.mark.slow, pytest.mark.filterwarnings("default")]

HEADS = {"num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 32}
"""vLLM's attention on CPU wants heads of 32, 64, … numbers; the ladder's have 16."""
QUESTIONS = 4
ALIKE = {"gemma3": QUESTIONS - 1}
"""vLLM 0.32's attention on CPU has no mask by which image tokens see those behind them, as Gemma's
do: its answers are near those of transformers, not the same. Elsewhere all are the same."""
ROTARY = {"rope_parameters": MROPE | {"mrope_section": [4, 6, 6]}}
SERVED: Mapping[str, Mapping[str, Any]] = {
    "llava": {},
    "llava_next": {},
    "llava_onevision": {},
    "qwen2_5_vl": ROTARY,
    "qwen3_vl": ROTARY,
    "internvl": {},
    "gemma3": {},
}


def wide(rung: Rung, text: Mapping[str, Any]) -> Rung:
    """The rung with heads that vLLM takes, and further changes of the language model."""
    own = rung.config.get("text_config", {})
    return replace(rung, config={**rung.config, "text_config": {**own, **HEADS, **text}})


def thieves(architecture: str, folder: Path) -> list[WeightAttack]:
    """Rounded and pruned; for two, another shell with a layer less and two of four weights."""
    if architecture in ("llava", "qwen2_5_vl"):
        return [Transplant(other=str(folder)), DropLayers(layers=(1,)), TwoOfFour()]
    return [attack_of("nf4"), attack_of("prune")]


@pytest.mark.parametrize("architecture", SERVED)
def test_vllm_answers_from_a_thiefs_copy_as_transformers_does(
    architecture: str, tmp_path: Path
) -> None:
    rung = wide(RUNGS[architecture], SERVED[architecture])
    folder, copy = build_folder(architecture, rung, tmp_path / "own"), tmp_path / "copy"
    steal(folder, copy, thieves(architecture, folder), device="cpu")
    texts = {}
    for address in (f"hf:{copy}?device=cpu&dtype=float32", f"vllm:{copy}?dtype=float32"):
        suspect = connect(address)
        replies = suspect.ask(questions(QUESTIONS))
        suspect.close()
        texts[address] = [reply.text for reply in replies if isinstance(reply, Answer)]
        assert len(texts[address]) == QUESTIONS, replies
    here, there = texts.values()
    same = sum(one == other for one, other in zip(here, there, strict=True))
    assert same >= ALIKE.get(architecture, QUESTIONS), (here, there)
