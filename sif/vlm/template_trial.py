"""Chat templates of strangers tried in a process with limits, before they are rendered in ours.

Knows nothing of what a turn should look like.
"""

import json
from functools import cache, lru_cache
from typing import Any, Final

from sif.child_frames import Frame
from sif.child_process import ChildEndedError, ChildLateError, ChildProcess
from sif.errors import ModelError
from sif.vlm import template_child

SECONDS: Final = 3.0
"""Of the processor; ordinary templates take thousandths."""
LATEST: Final = 60.0
"""Seconds after which a template is given up where the machine is that busy."""
MEMORY: Final = 2**30
LONGEST: Final = 2**20
"""Characters that a turn may become, beyond those that it has."""


def try_template(processor: Any, turns: list[dict[str, Any]], source: object) -> None:
    """Renders turns in the child.

    Args:
        processor: with a chat template.
        turns: without pictures in them.
        source: where the template came from.

    Raises:
        ModelError: it takes more time or memory than any template does, or writes more.
    """
    template = getattr(processor, "chat_template", None)
    if isinstance(template, dict):
        template = template.get("default")
    if not isinstance(template, str):
        return
    tokenizer = getattr(processor, "tokenizer", processor)
    named = {
        str(name): word if isinstance(word, str) else str(word)
        for name, word in (getattr(tokenizer, "special_tokens_map", None) or {}).items()
    }
    try:
        said = _rendered(json.dumps({"template": template, "turns": turns, "named": named}))
    except (ChildLateError, ChildEndedError) as error:
        raise _refusal(source, f"takes more than {SECONDS:g} seconds or all memory") from error
    length = said.get("length", 0)
    if "memory" in said:
        raise _refusal(source, f"takes more than {MEMORY // 2**20} MiB of memory")
    if isinstance(length, int) and length > LONGEST + len(json.dumps(turns)):
        raise _refusal(source, f"writes {length} characters")


@lru_cache(maxsize=256)
def _rendered(words: str) -> dict[str, Any]:
    """What the child says of a turn; the same turns are rendered again and again."""
    head = {**json.loads(words), "seconds": SECONDS, "memory": MEMORY}
    return _child().ask(Frame(head), seconds=LATEST).head


@cache
def _child() -> ChildProcess:
    """One for all models of this process."""
    return ChildProcess(template_child.__file__)


def _refusal(source: object, what: str) -> ModelError:
    return ModelError(
        f"expected the chat template of {source} to spell one turn, got one that {what}; replace "
        "chat_template.jinja by that of the model's own release"
    )
