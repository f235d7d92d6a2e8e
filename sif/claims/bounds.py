"""How much a claim may ask for, so that its rules alone exhaust no auditor. Knows no replies."""

from typing import Final

from sif.errors import ClaimError
from sif.fingerprint.manifest import Manifest
from sif.ownership.policy import Policy

MOST_QUESTIONS: Final = 100_000
MOST_TILTS: Final = 1_000
LONGEST_ANSWER: Final = 16_384


def check_bounds(manifest: Manifest, policy: Policy) -> None:
    """Makes sure that all questions can be put in memory, and that answers come to an end.

    Raises:
        ClaimError: too many questions or tilts, or answers of too many tokens.
    """
    questions = policy.questions_each * len(manifest.triggers)
    if questions > MOST_QUESTIONS:
        raise ClaimError(
            f"expected at most {MOST_QUESTIONS:,} questions in all, got {questions:,}; commit to "
            "fewer repeats or further prompts"
        )
    if len(policy.tilts) > MOST_TILTS:
        raise ClaimError(f"expected at most {MOST_TILTS:,} tilts, got {len(policy.tilts):,}")
    longest = max((one.generation.max_new_tokens for one in manifest.triggers), default=0)
    if longest > LONGEST_ANSWER:
        raise ClaimError(
            f"expected answers of at most {LONGEST_ANSWER:,} tokens (max_new_tokens), got "
            f"{longest:,}"
        )
