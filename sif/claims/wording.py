"""The words that a suspect is asked with: which are the claimant's own, bounded and printable.

Prompts of the sets that come with SIF ask for a description and nothing else. Whatever else a
claimant asks could ask for words that suit him, so that an audit shows it for a person to read.
"""

from collections.abc import Mapping
from typing import Any, Final

from sif.claims.commitment import Header
from sif.errors import ClaimError
from sif.fingerprint.manifest import Manifest
from sif.prompts import SETS, load
from sif.visible import quoted

LONGEST: Final = 10_000
MOST_SHOWN: Final = 5
SHOWN: Final = 120


def shown(text: str) -> str:
    """A text of somebody else's in one bounded line, in quotes."""
    return quoted(" ".join(text[: 2 * SHOWN].split()), longest=SHOWN)


def own_prompts(manifest: Manifest, header: Header) -> tuple[str, ...]:
    """The prompts that are in no set of SIF, each once, in the order of the triggers."""
    known = {prompt for name in SETS for prompt in load(name)}
    asked = [record.prompt for record in manifest.triggers] + list(header.policy.also_ask)
    return tuple(prompt for prompt in dict.fromkeys(asked) if prompt not in known)


def own_words(manifest: Manifest, header: Header, example: str | None) -> tuple[str, ...]:
    """Whatever the claimant made up himself, shown: at most so many prompts, then the example."""
    prompts = own_prompts(manifest, header)
    words = [f"prompt {shown(prompt)}" for prompt in prompts[:MOST_SHOWN]]
    if len(prompts) > MOST_SHOWN:
        words.append(f"{len(prompts) - MOST_SHOWN} more prompts")
    if example is not None:
        words.append(f"example {shown(example)}")
    return tuple(words)


def check_words(manifest: Manifest, header: Header) -> None:
    """Makes sure that no prompt and no example is too long to be counted or shown.

    Raises:
        ClaimError: one is.
    """
    texts = [*(record.prompt for record in manifest.triggers), *header.policy.also_ask]
    texts += [] if header.example is None else [header.example]
    longest = max(map(len, texts))
    if longest > LONGEST:
        raise ClaimError(
            f"expected prompts and an example of at most {LONGEST:,} characters, got {longest:,}; "
            "ask a shorter question"
        )


def check_example(header: Header, predicate: Mapping[str, Any], example: str | None) -> None:
    """Makes sure that a run was asked with the example that was committed to.

    Args:
        header: of the commitment.
        predicate: the same as it was signed; those of before do not name an example.
        example: of the run.

    Raises:
        ClaimError: with another one, or with one that was not committed to.
    """
    if "example" in predicate and example != header.example:
        ours, theirs = (shown(text) if text else "none" for text in (header.example, example))
        raise ClaimError(
            f"expected a run with the example that was committed to ({ours}), got another "
            f"({theirs}); ask with `sif verify --committed`"
        )
