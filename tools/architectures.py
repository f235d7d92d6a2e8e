"""Tries every architecture of transformers and writes docs/reference/architectures.md.

`python -m tools.architectures` in the checkout does all, in a few minutes on a CPU; those that need
a further library (num2words, timm, librosa) only where it can be imported. With names, only those,
printed and not written.
"""

import logging
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from tests.vlm.ladder.climb import THIEVES, Outcome, climb, stolen
from tests.vlm.ladder.rungs import OUTSIDE, ROBBED, RUNGS
from tests.vlm.ladder.table import PAGE, page


def main() -> None:
    """Climbs, prints a line for each architecture, and writes the page."""
    logging.getLogger("transformers").setLevel(logging.ERROR)
    named = sys.argv[1:]
    outcomes: list[Outcome] = []
    outside = dict(OUTSIDE)
    for architecture in named or sorted(RUNGS):
        lacking = [name for name in RUNGS[architecture].needs if not find_spec(name)]
        if lacking:
            outside[architecture] = f"its processor needs {', '.join(lacking)}"
            continue
        with tempfile.TemporaryDirectory() as room:
            outcome = climb(architecture, Path(room))
            for thief in THIEVES if architecture in ROBBED else ():
                stolen(outcome, thief)
        outcomes.append(outcome)
        print(f"{architecture:24} {outcome.refusal or 'works'}", flush=True)
    if not named:
        PAGE.write_text(page(outcomes, outside, list(ROBBED)), encoding="utf-8")


if __name__ == "__main__":
    main()
