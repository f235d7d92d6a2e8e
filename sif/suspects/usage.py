"""What an endpoint says that its answers cost. Knows nothing of connections."""

from typing import Any, NamedTuple


class Usage(NamedTuple):
    """Completed requests, and the tokens that the endpoint counted for them."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def plus(self, completion: Any) -> "Usage":
        """With one more completion; a server that counts no tokens adds none."""
        counted = getattr(completion, "usage", None)
        return Usage(
            self.requests + 1,
            self.prompt_tokens + _count(counted, "prompt_tokens"),
            self.completion_tokens + _count(counted, "completion_tokens"),
        )


def _count(counted: Any, name: str) -> int:
    value = getattr(counted, name, None)
    return value if isinstance(value, int) and value > 0 else 0
