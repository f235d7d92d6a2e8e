"""Whose words an answer's are, by a table of lengths instead of bits, and counters of pairs."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from .answers import FORM, Replies, prompts_of, question

ALONE = "\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff"


def contrasts_of(
    files: Mapping[str, bytes],
    policy: Mapping[str, Any],
    asked: Sequence[Mapping[str, Any]],
    answers: Replies,
) -> dict[str, float]:
    """That of every trigger with an answer; nothing where the policy tests none."""
    if policy.get("contrast_allowance") is None:
        return {}
    told = json.loads(files[FORM + "calibration.json"])
    kept = json.loads(files[FORM + "panel.json"])["answers"]
    source = [one["suspect"] for one in told["source"]]
    members = [one["suspect"] for one in told["members"]]
    found = {}
    for trigger in asked:
        prompts = prompts_of(trigger, policy)
        digests = [question(files, trigger, one, n) for n, one in enumerate(prompts)]
        said = answers[trigger["id"]]
        if any(text is not None for text in said):
            ours, theirs = (
                [
                    near(said, kept[name], digests)
                    for name in names
                    if set(digests) & set(kept[name])
                ]
                for names in (source, members)
            )
            own = [
                max(
                    near([kept[name].get(one) for one in digests], kept[other], digests)
                    for other in members
                    if set(digests) & set(kept[other])
                )
                for name in source
                if theirs and set(digests) & set(kept[name])
            ]
            found[trigger["id"]] = shown(max(ours) - max(theirs), own) if ours and theirs else 0.0
    return found


def shown(margin: float, own: Sequence[float]) -> float:
    """A margin as a contrast; `own` is how the source's answers are like the nearest member's."""
    return min(1.0, max(0.0, margin / max(0.05, (1.0 - min(own)) / 2)))


def near(said: Sequence[str | None], kept: Mapping[str, str], digests: Sequence[str]) -> float:
    """Over the questions that both answered."""
    pairs = [(text, kept[one]) for text, one in zip(said, digests, strict=True) if one in kept]
    each = [alike(text, other) for text, other in pairs if text is not None]
    return math.fsum(each) / len(each) if each else 0.0


def words(text: str) -> list[str]:
    """Letters of writings without spaces one by one."""
    found = []
    for part in re.findall(r"\w+|[^\w\s]", text[:20_000].casefold()):
        if re.search(r"\w", part):
            found += [one for one in re.split(f"([{ALONE}])", part) if one]
        else:
            found.append(part)
    return found


def alike(first: str, second: str) -> float:
    one, other = words(first), words(second)
    ordered = in_order(one, other)
    pairs, others = (set(pairwise(some)) for some in (one, other))
    if not pairs and not others:
        return ordered
    both = sum(pair in others for pair in pairs)
    return ordered / 2 + both / (len(pairs) + len(others))


def in_order(one: Sequence[str], other: Sequence[str]) -> float:
    if not one or not other:
        return 0.0
    row = [0] * (len(other) + 1)
    for word in one:
        above, row = row, [0]
        for place, again in enumerate(other):
            longer = above[place] + 1 if word == again else max(above[place + 1], row[-1])
            row.append(longer)
    return 2 * row[-1] / (len(one) + len(other))
