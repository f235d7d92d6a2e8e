"""Every architecture that transformers has for pictures and words, as a tiny folder."""

from importlib.metadata import version
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForImageTextToText
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES

from tests.vlm.ladder.climb import THIEVES, climb, stolen
from tests.vlm.ladder.rungs import OUTSIDE, ROBBED, RUNGS
from tests.vlm.ladder.table import PAGE, listed, made_with

# The rest by `python -m tools.architectures`: all together take some minutes.
OF_THEIR_KIND = ("gemma3n", "idefics2", "minicpmv4_7", "qwen3_vl")
CLIMBED = sorted(
    {*ROBBED, *OF_THEIR_KIND, *(name for name, rung in RUNGS.items() if rung.refused is not None)}
)
README = Path(__file__).parents[2] / "README.md"


def test_every_architecture_is_on_the_ladder_or_said_to_be_outside() -> None:
    if made_with(PAGE.read_text()) != version("transformers"):
        pytest.skip("another transformers is installed than the ladder was made for")
    assert set(RUNGS) | set(OUTSIDE) == set(MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES)
    assert not set(RUNGS) & set(OUTSIDE)


def test_the_page_says_of_every_architecture_what_the_ladder_expects() -> None:
    said = listed(PAGE.read_text())
    assert set(said) == set(RUNGS) | set(OUTSIDE)
    for architecture, rung in RUNGS.items():
        expected = "works" if rung.refused is None else rung.refused
        assert expected in said[architecture], architecture
    for architecture, why in OUTSIDE.items():
        assert why in said[architecture], architecture
    works = sum(words.startswith("works") for words in said.values())
    assert works == sum(rung.refused is None for rung in RUNGS.values()) >= 30
    assert f"[{works} of {len(said)} architectures]" in README.read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.hidden_state. is deprecated:FutureWarning")
@pytest.mark.parametrize("architecture", CLIMBED)
def test_an_architecture_is_fingerprinted_and_verified_or_refused_in_a_sentence(
    architecture: str, tmp_path: Path
) -> None:
    for library in RUNGS[architecture].needs:
        pytest.importorskip(library)
    outcome = climb(architecture, tmp_path)
    expected = RUNGS[architecture].refused
    if expected is not None:
        assert expected in (outcome.refusal or "")
        assert "\n" not in (outcome.refusal or "")
        return
    assert outcome.refusal is None
    assert outcome.probed is not None
    assert outcome.probed.reach > 0.9
    assert (outcome.queries, outcome.failures) == (2, ())
    if architecture in ROBBED:
        for thief in THIEVES:
            _loads_in_plain_transformers(stolen(outcome, thief), ROBBED[architecture])


def _loads_in_plain_transformers(copy: Path, beginnings: tuple[str, ...]) -> None:
    model, report = AutoModelForImageTextToText.from_pretrained(copy, output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["mismatched_keys"]
    assert all(torch.isfinite(parameter).all() for parameter in model.parameters())
    names = [name for file in copy.glob("*.safetensors") for name in load_file(file)]
    for beginning in beginnings:
        assert any(name.startswith(beginning) for name in names), (beginning, names[:5])
