"""What the body of a chat completion means, whatever a server put into it.

Every part may be missing, of another kind or absurd: then there is no answer, and the reason says
what was wrong; nothing raises. Knows nothing of connections.
"""

import json
import re
from math import isfinite
from typing import Any, Final, NamedTuple

from sif.http.refusal import one_line, words_of
from sif.suspects.reply import reply_from, top_tokens
from sif.suspects.thinking import Spoken, spoken
from sif.types import Answer, Reply, TopTokens, Unanswered

# Where servers put what a model thinks, apart from its answer.
THINKING: Final = ("reasoning_content", "reasoning")
BROKEN_OFF: Final = ("error", "abort", "aborted", "cancelled", "canceled")
"""Reasons why a server ended an answer that the model would have gone on with."""
DEEPEST: Final = 100
LONGEST_FINISH: Final = 40
MOST_TOKENS: Final = 20
LONGEST_TOKEN: Final = 500
PIECES: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


class Completion(NamedTuple):
    """A JSON object that a server sent, or why it is none.

    Attributes:
        said: the object; empty where it is none.
        fault: what was wrong; "" for nothing.
        error: words of an error that came in place of an answer.
    """

    said: dict[str, Any]
    fault: str = ""
    error: str = ""


def parse_completion(body: bytes) -> Completion:
    """The object in a body. Numbers, names and depth are the stranger's; nothing raises."""
    if not body.strip():
        return Completion({}, "malformed reply: an empty body")
    if body.lstrip()[:5] in (b"data:", b"event"):
        return Completion({}, "malformed reply: a stream of events, which was not asked for")
    if _deeper_than(body, DEEPEST):
        return Completion({}, f"malformed reply: JSON nested deeper than {DEEPEST} levels")
    try:
        said = json.loads(body)
    except (ValueError, RecursionError) as error:
        begins = one_line(body[:60].decode("utf-8", "replace"))
        what = one_line(str(error))
        return Completion({}, f"malformed reply: no JSON ({what}); it begins {begins!r}")
    if not isinstance(said, dict):
        return Completion({}, f"malformed reply: a JSON {type(said).__name__}, not an object")
    choice = _first_choice(said)
    fault = choice.get("error") or (None if choice else said.get("error"))
    if fault:
        words = one_line(words_of(json.dumps({"error": fault})))
        return Completion(said, f"the endpoint reports an error: {words}", words)
    finish = _finish(choice.get("finish_reason")) or ""
    if finish.casefold() in BROKEN_OFF:
        words = f"the answer was broken off (finish reason: {finish}), try again"
        return Completion(said, f"the endpoint reports an error: {words}", words)
    return Completion(said)


def read_completion(
    completion: Completion, seconds: float, *, tokens: int, most: int = 100_000
) -> Reply:
    """The reply in a completion.

    Args:
        completion: of `parse_completion`.
        seconds: that it took.
        tokens: that were asked for at most, thinking included.
        most: characters that an answer may have.
    """
    if completion.fault:
        return Unanswered(reason=completion.fault)
    choices = completion.said.get("choices")
    if not isinstance(choices, list) or not choices:
        return Unanswered(reason=f"malformed reply: no choices in it{_told(completion.said)}")
    choice = choices[0]
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(message, dict):
        return Unanswered(reason="malformed reply: no message in its first choice")
    finish = _finish(choice.get("finish_reason"))
    if finish is not None and finish.casefold().startswith("content_filter"):
        return Unanswered(reason="withheld by the endpoint's content filter")
    if message.get("refusal"):
        return Unanswered(reason="refused by the model")
    said = _said(message.get("content"))
    if isinstance(said, Unanswered):
        return said
    if not said.words.strip() and (message.get("tool_calls") or message.get("function_call")):
        return Unanswered(reason="a call of tools instead of words")
    if any(_is_text(message.get(name)) for name in THINKING):
        said = said._replace(thought=True)
    # Probabilities come for all tokens, and nothing says where the answer begins among them.
    top = None if said.thought else _top(choice.get("logprobs"), tokens)
    reply = reply_from(
        said.words, finish_reason=finish, seconds=seconds, top=top, said=said, tokens=tokens
    )
    if isinstance(reply, Answer) and len(reply.text) > most:
        return Unanswered(
            reason=f"an answer of {len(reply.text):,} characters, more than the {most:,} that are "
            "kept; allow more with ?answer_chars=N in the address"
        )
    return reply


def _told(said: dict[str, Any]) -> str:
    """What a server says of itself where an answer should be, after a colon."""
    body = json.dumps(said)
    words = words_of(body)
    return "" if words == body else f": {one_line(words)}"


def _first_choice(said: dict[str, Any]) -> dict[str, Any]:
    choices = said.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else {}


def _said(content: Any) -> Spoken | Unanswered:
    """The words of a content, as a text or as a list of parts, and whether there was thinking."""
    if content is None or isinstance(content, str):
        return spoken(content or "")
    parts = content if isinstance(content, list) else []
    texts = [
        part["text"]
        for part in parts
        if isinstance(part, dict)
        and part.get("type", "text") in ("text", "output_text")
        and isinstance(part.get("text"), str)
    ]
    thinking = any(
        isinstance(part, dict) and part.get("type") in ("thinking", "reasoning") for part in parts
    )
    if not texts and not thinking:
        kind = "list without texts" if isinstance(content, list) else type(content).__name__
        return Unanswered(reason=f"malformed reply: content is a {kind}")
    found = spoken("".join(texts))
    return found._replace(thought=True) if thinking else found


def _finish(reason: Any) -> str | None:
    if not isinstance(reason, str):
        return None
    return one_line(reason)[:LONGEST_FINISH] or None


def _is_text(words: Any) -> bool:
    return isinstance(words, str) and bool(words.strip())


def _top(logprobs: Any, tokens: int) -> tuple[TopTokens, ...] | None:
    """The likeliest tokens, where a server sent them as asked; None where it did not."""
    places = logprobs.get("content") if isinstance(logprobs, dict) else None
    if not isinstance(places, list) or not places:
        return None
    lists = [place.get("top_logprobs") if isinstance(place, dict) else None for place in places]
    if not all(isinstance(found, list) for found in lists):
        return None
    pairs = [[_pair(token) for token in (found or [])[:MOST_TOKENS]] for found in lists]
    top = tuple(top_tokens(pair for pair in found if pair is not None) for found in pairs)
    return top[: max(tokens, 1)] if any(top) else None


def _pair(token: Any) -> tuple[str, float] | None:
    text = token.get("token") if isinstance(token, dict) else None
    chance = token.get("logprob") if isinstance(token, dict) else None
    if not isinstance(text, str) or len(text) > LONGEST_TOKEN or isinstance(chance, bool):
        return None
    if not isinstance(chance, int | float) or not -1e9 <= chance <= 0.001:
        return None
    return (text, float(chance)) if isfinite(chance) else None


def _deeper_than(body: bytes, levels: int) -> bool:
    """Whether brackets are open within each other deeper than that; texts are skipped."""
    if body.count(b"[") + body.count(b"{") <= levels:
        return False
    depth = 0
    for piece in PIECES.finditer(body):
        match piece[0][:1]:
            case b"[" | b"{":
                depth += 1
                if depth > levels:
                    return True
            case b"]" | b"}":
                depth -= 1
    return False
