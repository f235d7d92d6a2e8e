"""What an audit asks about one trigger. Knows nothing of answers."""

from sif.fingerprint.folder import Trigger
from sif.ownership.policy import Policy
from sif.types import Query


def queries_of(trigger: Trigger, policy: Policy) -> list[Query]:
    """All questions about one trigger, in order: every repeat of its own prompt, then the others.

    They are numbered through as repeats, as their answers are one cluster.
    """
    own = trigger.query()
    prompts = [p for p in (own.prompt, *policy.also_ask) for _ in range(policy.repeats)]
    return [own.changed(prompt=prompt, repeat=turn) for turn, prompt in enumerate(prompts)]


def unscored_prompts(prompt: str, policy: Policy) -> tuple[str, ...]:
    """The prompts whose words do not count in answers to a trigger; none where all words do."""
    return () if policy.prompt_scored else (prompt, *policy.also_ask)
