"""The page that says what became of every architecture, written from what was tried.

Knows nothing of how an architecture is tried.
"""

import re
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final

from tests.vlm.ladder.climb import Outcome
from tests.vlm.ladder.rungs import RUNGS

PAGE: Final = Path(__file__).parents[3] / "docs" / "reference" / "architectures.md"
TRIED: Final = "probe, gradient, two triggers, verify"
ROBBED: Final = f"{TRIED}; thieves: nf4, prune, LoRA"


def page(outcomes: Sequence[Outcome], outside: dict[str, str], robbed: Sequence[str]) -> str:
    """The whole page as Markdown.

    Args:
        outcomes: of the ladder.
        outside: why other architectures are not on it.
        robbed: those that thieves were tried on as well.
    """
    works = sum(outcome.refusal is None for outcome in outcomes)
    lines = [
        "# Architectures",
        "",
        "Every image-text-to-text architecture of transformers, tried as a tiny model folder with "
        "random weights and the family's own processor. `sif doctor MODEL` tells the same of a "
        "model of yours.",
        "",
        f"Made with transformers {version('transformers')} by "
        "`python -m tools.architectures` (it needs no network): "
        f"**{works} work**, {len(outcomes) - works} are refused in a sentence, 0 crash, "
        f"{len(outside)} were not tried.",
        "",
        "*Works* means: the probe passes, the gradient reaches the whole picture, triggers are "
        "made, and an `hf:` suspect is asked and judged as `sif verify` does it. Of real sizes, "
        "real weights and other engines this table says nothing; thieves' copies of llava, "
        "llava_next, llava_onevision, qwen2_5_vl, qwen3_vl, internvl and gemma3 answer in vLLM on "
        "CPU as well (`tests/attacks/weights/test_theft_in_vllm.py`).",
        "",
        "| architecture | result | what was tried |",
        "|---|---|---|",
    ]
    rows = {outcome.architecture: _row(outcome, robbed) for outcome in outcomes}
    rows |= {name: f"| {name} | not tried: {why} | nothing |" for name, why in outside.items()}
    return "\n".join([*lines, *(rows[name] for name in sorted(rows))]) + "\n"


def _row(outcome: Outcome, robbed: Sequence[str]) -> str:
    name = outcome.architecture
    if outcome.refusal is not None:
        said = outcome.refusal.replace("|", "\\|").replace("<", "&lt;")
        return f"| {name} | refused: {said} | load and probe |"
    needs = RUNGS[name].needs
    works = f"works (with {', '.join(needs)})" if needs else "works"
    return f"| {name} | {works} | {ROBBED if name in robbed else TRIED} |"


def listed(text: str) -> dict[str, str]:
    """Result by architecture, as the page has it."""
    rows = re.findall(r"^\| ([\w.-]+) \| (.+?) \| [^|]+ \|$", text, re.MULTILINE)
    return {name: result for name, result in rows if name != "architecture"}


def made_with(text: str) -> str:
    """The version of transformers that the page was made with."""
    return re.findall(r"Made with transformers (\S+) by", text)[0]
