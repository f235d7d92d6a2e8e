"""What an endpoint says that its answers cost. Knows nothing of connections."""

from typing import Any, Final, NamedTuple

MOST: Final = 2**40


class Usage(NamedTuple):
    """Completed requests, and the tokens that the endpoint counted for them."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def plus(self, completion: dict[str, Any]) -> "Usage":
        """With one more completion; a server that counts no tokens, or absurdly many, adds none."""
        counted = completion.get("usage")
        return Usage(
            self.requests + 1,
            self.prompt_tokens + _count(counted, "prompt_tokens"),
            self.completion_tokens + _count(counted, "completion_tokens"),
        )


def _count(counted: Any, name: str) -> int:
    value = counted.get(name) if isinstance(counted, dict) else None
    if not isinstance(value, int) or isinstance(value, bool):
        return 0
    return value if 0 < value < MOST else 0
