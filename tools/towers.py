"""The table of docs/reference/towers.md: every tower that ActiveMark marks, and what it refuses.

    python tools/towers.py            # all of it, about twenty minutes on one core
    python tools/towers.py siglip2    # only these, to the screen

Each architecture of the installed transformers is built tiny, with random weights, and goes through
profile, embed and verify. What is done is kept in build/towers.jsonl and not done again until all
is. Fails where one crashes.
"""

import json
import logging
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import transformers

sys.path.insert(0, str(Path(__file__).parent.parent))
from tests.marks.climbing import CRASHED, NOT_TRIED, REFUSED, STEPS, WORKS, Climbed, climb
from tests.marks.ladder import Rung, rungs

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "towers.md"
KEPT = Path(__file__).parent.parent / "build" / "towers.jsonl"
SLOW = {
    "kosmos-2.5": "shows every picture as 4,096 patches, too slow as a tiny model",
    "deepseek_ocr2": "takes pictures of 1,024 pixels only, too slow as a tiny model",
}
HEAD = """# Towers

What `sif activemark` marks of transformers {version}, and what it says of the rest:
{counts}. Each model is tiny and has random weights, with the image processor of its own
architecture; it was profiled, marked in {steps} steps, saved, verified from the saved folder beside
the model before, and loaded by plain transformers. So few steps mark some in part only. A tower is
used as its own model calls it. Left out: detectors, readers of text lines, depth, video. Made by
`python tools/towers.py`.

"""
PLURAL = {WORKS: "work"}
COLUMNS = (
    "| model type | tower | blocks × width | read at | expressive block | detected in the copy | "
    "in the model before |\n|---|---|---|---|---|---|---|\n"
)


def table(climbed: Sequence[Climbed]) -> str:
    """The page."""
    states = (WORKS, REFUSED, NOT_TRIED, CRASHED)
    by_state = {state: [one for one in climbed if one.state == state] for state in states}
    counts = ", ".join(
        f"{len(ones)} {PLURAL.get(state, state)}" for state, ones in by_state.items() if ones
    )
    text = HEAD.format(version=transformers.__version__, counts=counts, steps=STEPS)
    for title, lvlm in (("Vision models", False), ("Towers inside vision-language models", True)):
        rows = [one for one in by_state[WORKS] if one.rung.lvlm == lvlm]
        text += f"## {title}\n\n{COLUMNS}"
        text += "".join(f"| {one.rung.kind} | {one.words} |\n" for one in rows) + "\n"
    for title, state in (("Refused", REFUSED), ("Not tried", NOT_TRIED), ("Crashed", CRASHED)):
        if by_state[state]:
            rows = [f"| {one.rung.kind} | {_why(one)} |\n" for one in by_state[state]]
            text += f"## {title}\n\n| model type | why |\n|---|---|\n{''.join(rows)}\n"
    return text.rstrip() + "\n"


def _why(one: Climbed) -> str:
    words = one.words.replace("|", "\\|")
    if one.state == NOT_TRIED and one.rung.kind not in SLOW:
        return f"no tiny model of it was built from its default configuration: `{words}`"
    return words


def main(kinds: Sequence[str]) -> int:
    """Climbs, and writes the page or the rows that were asked for."""
    transformers.logging.set_verbosity_error()
    logging.disable(logging.WARNING)
    wanted = [rung for rung in rungs() if not kinds or rung.kind in kinds]
    done = {} if kinds else kept()
    climbed = [done[rung.kind] if rung.kind in done else tried(rung, kinds) for rung in wanted]
    if kinds:
        print(table(climbed))
    else:
        PAGE.write_text(table(climbed), encoding="utf-8")
        KEPT.unlink()
    return int(any(one.state == CRASHED for one in climbed))


def tried(rung: Rung, kinds: Sequence[str]) -> Climbed:
    """One rung, kept where all are asked for."""
    if rung.kind in SLOW:
        climbed = Climbed(rung, NOT_TRIED, SLOW[rung.kind])
    else:
        with tempfile.TemporaryDirectory() as folder:
            climbed = climb(rung, Path(folder))
    print(rung.kind, *climbed[1:], file=sys.stderr, flush=True)
    if not kinds:
        KEPT.parent.mkdir(exist_ok=True)
        with KEPT.open("a", encoding="utf-8") as file:
            file.write(json.dumps([rung.kind, *climbed[1:]]) + "\n")
    return climbed


def kept() -> dict[str, Climbed]:
    """What an interrupted run did, by kind."""
    if not KEPT.exists():
        return {}
    by_kind = {rung.kind: rung for rung in rungs()}
    lines = [json.loads(line) for line in KEPT.read_text(encoding="utf-8").splitlines()]
    return {
        kind: Climbed(by_kind[kind], state, words)
        for kind, state, words in lines
        if kind in by_kind
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
