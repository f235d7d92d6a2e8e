"""Asks a server every question of `hostile.BEHAVIOURS` and prints what came of each, as JSON.

A program of its own, so that its memory can be measured: `python -m … PORT`.
"""

import json
import resource
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

from sif.errors import SifError
from sif.suspects import openai_suspect
from sif.suspects.connect import connect
from sif.types import Answer
from tests.suspects.hostile import BEHAVIOURS
from tests.suspects.questions import questions

AT_ONCE = 12


def outcome(port: int, name: str) -> dict[str, Any]:
    """What two questions came to, and the seconds that they took together."""
    uri = f"openai:http://127.0.0.1:{port}/{quote(name, safe='')}/v1#m?{BEHAVIOURS[name].options}"
    began = time.monotonic()
    try:
        replies = connect(uri).ask(questions(2, seed=3))
        came = [
            ("answer", r.text) if isinstance(r, Answer) else ("none", r.reason) for r in replies
        ]
    except SifError as error:
        came = [("raised", str(error))]
    return {"came": came, "seconds": time.monotonic() - began}


def main() -> None:
    port = int(sys.argv[1])
    openai_suspect.FIRST_PAUSE, openai_suspect.LONGEST_PAUSE = 0.01, 0.05
    outcome(port, "same host too")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with ThreadPoolExecutor(AT_ONCE) as pool:
        came = dict(
            zip(BEHAVIOURS, pool.map(lambda name: outcome(port, name), BEHAVIOURS), strict=True)
        )
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    json.dump({"came": came, "kilobytes": after - before}, sys.stdout)


if __name__ == "__main__":
    main()
