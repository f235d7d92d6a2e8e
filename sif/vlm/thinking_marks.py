"""What models that think before they answer write around it, and whether a question begins it.

Knows texts, and no tokens.
"""

from typing import Final

MARKS: Final = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<seed:think>", "</seed:think>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
)


def begins_thinking(question: str) -> bool:
    """Whether a question as the chat template spells it ends within thinking."""
    return any(question.rfind(begin) > question.rfind(end) for begin, end in MARKS)
