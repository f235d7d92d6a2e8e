"""The forms of a record: fields for prompt and answer, or turns of a conversation.

Of a conversation every answer is a pair of its own, with what the user said since the answer
before; what was said earlier does not come with it. Knows nothing of files.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from sif.attacks.datasets.pair import FaultError, PassedOver, excerpt, words_of
from sif.attacks.datasets.picture_reference import NAMES

TURNS: Final = ("conversations", "conversation", "messages", "dialog", "dialogue", "texts")
PROMPTS: Final = ("prompt", "question", "instruction", "query", "text_input")
ANSWERS: Final = ("answer", "response", "output", "completion", "caption", "text", "text_output")
USERS: Final = {"user", "human", "prompter", "question"}
MODELS: Final = {"assistant", "gpt", "model", "bot", "chatgpt", "answer"}
SYSTEMS: Final = {"system", "developer"}
WORDS: Final = {"text", "input_text", "output_text"}
PICTURES: Final = {"image", "image_url", "input_image"}


FIELDS: Final = frozenset((*NAMES, *TURNS, *PROMPTS, *ANSWERS, "input"))
"""All fields of a record that mean something here."""


class Said(NamedTuple):
    """A prompt as it was read, and what was answered to it."""

    prompt: Any
    answer: Any


class Form(NamedTuple):
    """What a record holds.

    Attributes:
        said: prompts, each with its answer; a prompt of None where it has none of its own.
        references: all that it says of pictures.
    """

    said: list[Said]
    references: list[Any]


def form_of(record: Any, *, answers: bool) -> Form:
    """What a record holds, whatever its form.

    Args:
        record: as it was read.
        answers: whether prompts without an answer are of no use.

    Raises:
        FaultError: a form that is not known.
        PassedOver: a conversation without a question.
    """
    if not isinstance(record, Mapping):
        raise FaultError(f"expected image, prompt and answer as JSON, got {type(record).__name__}")
    references = [record[name] for name in NAMES if record.get(name) is not None]
    for name in TURNS:
        if isinstance(record.get(name), list):
            said, more = _of_turns(record[name], name)
            said = [one for one in said if one.answer is not None or not answers]
            if not said:
                raise PassedOver("without an answer" if answers else "without a question")
            return Form(said, references + more)
    prompt = next((name for name in PROMPTS if name in record), None)
    answer = next((name for name in ANSWERS if name in record), None)
    if answers and answer is None:
        raise FaultError("expected image, prompt and answer as JSON, got 'answer': field required")
    if prompt is None and answer in (None, *ANSWERS[:3]):
        raise FaultError("expected image, prompt and answer as JSON, got 'prompt': field required")
    asked = record[prompt] if prompt else None
    if prompt is not None:
        asked = words_of(asked, prompt, blank=answers)
        if prompt == "instruction" and isinstance(record.get("input"), str) and record["input"]:
            asked = f"{asked}\n{record['input']}"
    given = words_of(record[answer], answer, blank=False) if answers and answer else None
    return Form([Said(asked, given)], references)


def _of_turns(turns: list[Any], name: str) -> tuple[list[Said], list[Any]]:
    said, references, asked = list[Said](), list[Any](), list[str]()
    for number, turn in enumerate(turns, start=1):
        for role, content in _roles(turn, f"{name}.{number}"):
            words, pictures = _content(content, f"{name}.{number}")
            references += pictures
            if role in USERS:
                asked.append(words)
            elif role in MODELS and asked:
                answer = words_of(words, f"{name}.{number}", blank=False)
                said.append(Said("\n".join(asked), answer))
                asked = []
            elif role in MODELS and said and words:  # one answer in two turns
                before = said[-1]
                said[-1] = before._replace(answer="\n".join([before.answer or "", words]))
            elif role not in MODELS | SYSTEMS:
                raise FaultError(
                    f"expected turns of a user and a model, got the role {excerpt(role)} in "
                    f"{name}.{number}"
                )
    return ([*said, Said("\n".join(asked), None)] if asked else said), references


def _roles(turn: Any, where: str) -> Iterator[tuple[str, Any]]:
    """Role and content of a turn; of an object with both sides, both."""
    if not isinstance(turn, Mapping):
        raise FaultError(f"expected an object in {where}, got {type(turn).__name__}")
    for role, content in (("from", "value"), ("role", "content"), ("role", "value")):
        if role in turn and content in turn:
            yield str(turn[role]).strip().lower(), turn[content]
            return
    if "user" in turn and "assistant" in turn:
        yield "user", turn["user"]
        yield "assistant", turn["assistant"]
        return
    raise FaultError(f"expected 'from' and 'value', or 'role' and 'content', in {where}")


def _content(content: Any, where: str) -> tuple[str, list[Any]]:
    """Words and pictures of a turn: plain words, or parts."""
    if not isinstance(content, list):
        return words_of(content, where, blank=True), []
    words, pictures = list[str](), list[Any]()
    for part in content:
        if isinstance(part, str):
            words.append(words_of(part, where, blank=True))
            continue
        kind = part.get("type") if isinstance(part, Mapping) else None
        named = kind if isinstance(kind, str) else ""
        if named in WORDS:
            words.append(words_of(part.get("text"), where, blank=True))
        elif named in PICTURES:
            held = [
                part[name] for name in (*NAMES, "url", "path", "base64", "data") if name in part
            ]
            source = part.get("source")
            pictures += held or ([source] if source else [])
        else:
            raise FaultError(f"expected parts of text and image in {where}, got {excerpt(kind)}")
    return "\n".join(word for word in words if word), pictures
