"""The table of docs/reference/towers.md: every tower that ActiveMark marks, and what it refuses.

    python tools/towers.py            # all of it, about ten minutes on two cores
    python tools/towers.py siglip2    # only these, to the screen

Each architecture of the installed transformers is built tiny, with random weights, and goes through
profile, embed and verify. Fails where one crashes.
"""

import logging
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import transformers

sys.path.insert(0, str(Path(__file__).parent.parent))
from tests.marks.climbing import CRASHED, NOT_TRIED, REFUSED, STEPS, WORKS, Climbed, climb
from tests.marks.ladder import rungs

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "towers.md"
HEAD = """# Towers

What `sif activemark` marks of transformers {version}, and what it says of the rest:
{counts}. Each model is tiny and has random weights, with the image processor of its own
architecture; it was profiled, marked in {steps} steps, saved, verified from the saved folder beside
the model before, and loaded by plain transformers. So few steps mark some in part only. A tower is
used as its own model calls it. Left out: detectors, readers of text lines, depth, video. Made by
`python tools/towers.py`.

"""
COLUMNS = (
    "| model type | tower | blocks × width | read at | expressive block | detected in the copy | "
    "in the model before |\n|---|---|---|---|---|---|---|\n"
)


def table(climbed: Sequence[Climbed]) -> str:
    """The page."""
    states = (WORKS, REFUSED, NOT_TRIED, CRASHED)
    by_state = {state: [one for one in climbed if one.state == state] for state in states}
    counts = ", ".join(f"{len(ones)} {state}" for state, ones in by_state.items() if ones)
    text = HEAD.format(version=transformers.__version__, counts=counts, steps=STEPS)
    for title, lvlm in (("Vision models", False), ("Towers inside vision-language models", True)):
        rows = [one for one in by_state[WORKS] if one.rung.lvlm == lvlm]
        text += f"## {title}\n\n{COLUMNS}"
        text += "".join(f"| {one.rung.kind} | {one.words} |\n" for one in rows) + "\n"
    for title, state in (("Refused", REFUSED), ("Not tried", NOT_TRIED), ("Crashed", CRASHED)):
        if by_state[state]:
            rows = [f"| {one.rung.kind} | {_cell(one.words)} |\n" for one in by_state[state]]
            text += f"## {title}\n\n| model type | why |\n|---|---|\n{''.join(rows)}\n"
    return text.rstrip() + "\n"


def _cell(words: str) -> str:
    return words.replace("|", "\\|")


def main(kinds: Sequence[str]) -> int:
    """Climbs, and writes the page or the rows that were asked for."""
    transformers.logging.set_verbosity_error()
    logging.disable(logging.WARNING)
    climbed = []
    for rung in rungs():
        if kinds and rung.kind not in kinds:
            continue
        with tempfile.TemporaryDirectory() as folder:
            climbed.append(climb(rung, Path(folder)))
        print(rung.kind, *climbed[-1][1:], file=sys.stderr, flush=True)
    if kinds:
        print(table(climbed))
    else:
        PAGE.write_text(table(climbed), encoding="utf-8")
    return int(any(one.state == CRASHED for one in climbed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
