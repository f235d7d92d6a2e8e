"""Chat templates: whether a model's own shows picture and words, and one turn spelled by it.

A template for words alone gets the picture's mark before the words, as servers do it. Knows no
weights.
"""

import re
from pathlib import Path
from typing import Any, Final

from jinja2.exceptions import TemplateError

from sif.errors import ModelError
from sif.vlm.foreign import FOREIGN
from sif.vlm.placeholders import NUMBERED, placeholders_of
from sif.vlm.plain_words import first_line
from sif.vlm.template_trial import try_template

PROBE: Final = "sif probe of one turn"
# What a template may do with turns that it was not written for.
RENDERING: Final = (*FOREIGN, TemplateError, SyntaxError, MemoryError, OSError)
# Ids before and behind a picture's own, as configurations name them.
FRAMES: Final = (
    ("vision_start_token_id", "vision_end_token_id"),
    ("image_start_token_id", "image_end_token_id"),
)
# A list of parts that was printed instead of being gone through.
PRINTED: Final = "'type':"
# Turns of parts become turns of words, each picture as its mark on a line before them.
WORDS_ONLY: Final = (
    "{{%- set sif = namespace(turns=[]) -%}}{{%- for turn in messages -%}}"
    "{{%- if turn['content'] is string -%}}{{%- set sif.turns = sif.turns + [turn] -%}}"
    "{{%- else -%}}{{%- set marks = turn['content'] | selectattr('type', 'equalto', 'image')"
    " | list | length -%}}"
    "{{%- set words = turn['content'] | selectattr('type', 'equalto', 'text')"
    " | map(attribute='text') | join -%}}"
    "{{%- set sif.turns = sif.turns + [dict(turn, content={mark} * marks + words)] -%}}"
    "{{%- endif -%}}{{%- endfor -%}}{{%- set messages = sif.turns -%}}"
)


def spell(processor: Any, prompt: str, *, pictures: int = 1) -> str:
    """One user turn with pictures and words, in the template of a processor."""
    content = [*[{"type": "image"}] * pictures, {"type": "text", "text": prompt}]
    return rendered(processor, [{"role": "user", "content": content}])


def rendered(processor: Any, turns: list[dict[str, Any]]) -> str:
    """Turns in the template of a processor, which is a stranger's program.

    It is tried elsewhere first, and sees no picture: a picture's own methods write files.

    Args:
        processor: with a chat template.
        turns: words, and places of pictures.

    Raises:
        ModelError: the template takes more time or memory than any does, or writes more.
    """
    try_template(processor, turns, getattr(processor.tokenizer, "name_or_path", "the model"))
    return str(processor.apply_chat_template(turns, add_generation_prompt=True))


def require_template(processor: Any, source: str | Path, config: Any = None) -> None:
    """Makes sure that a question about a picture can be spelled, mending what can be mended.

    Args:
        processor: gets the template that its tokenizer may have alone, and a template for words
            alone gets the picture's mark.
        source: where it came from.
        config: of its model, which may say what frames a picture.

    Raises:
        ModelError: no template, or one that drops the picture or the words, or refuses the turn.
    """
    if getattr(processor, "chat_template", None) is None:
        processor.chat_template = getattr(processor.tokenizer, "chat_template", None)
    own = processor.chat_template
    if own is None:
        raise ModelError(
            f"expected a processor with a chat template, got none in {source}; add "
            "chat_template.jinja from the model's own release to the folder"
        )
    fault = _fault(processor)
    mark = _mark(processor, config)
    if fault is not None and mark is not None and isinstance(own, str):
        processor.chat_template = WORDS_ONLY.format(mark=repr(mark + "\n")) + own
        if _fault(processor) is None:
            return
        processor.chat_template = own
    if fault is not None:
        raise ModelError(
            f"expected the chat template of {source} to show one picture and the words of one "
            f"user's turn, got one that {fault}; replace chat_template.jinja (or "
            "chat_template.json, which goes before it) by that of the model's own release"
        )


def takes_system_turns(processor: Any) -> bool:
    """Whether the chat template writes down the words of a system turn."""
    turns = [
        {"role": "system", "content": [{"type": "text", "text": PROBE}]},
        {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "prompt"}]},
    ]
    try:
        text = rendered(processor, turns)
    except RENDERING:
        return False
    return PROBE in text and PRINTED not in text


def _fault(processor: Any) -> str | None:
    """What is wrong with how a turn is spelled; None where all is well."""
    try:
        shows, again, without = (spell(processor, PROBE, pictures=count) for count in (1, 1, 0))
    except RENDERING as error:
        return f"refuses it: {first_line(error)}"
    if PRINTED in shows:
        return "takes words alone and prints the parts of the turn as they are"
    if shows.count(PROBE) != 1:
        return f"writes the words {shows.count(PROBE)} times"
    if shows == without:
        return "drops the picture"
    if shows != again:
        return "writes something else each time"
    own = placeholders_of(processor)
    if own and not any(token in shows for token in own) and not re.search(NUMBERED, shows):
        return f"marks the picture by none of its processor's own tokens ({', '.join(own[:3])})"
    token = getattr(processor, "image_token", None)
    if isinstance(token, str) and token and shows.count(token) > 1:
        return f"marks the picture {shows.count(token)} times"
    return None


def _mark(processor: Any, config: Any) -> str | None:
    """What stands for one picture in a text: its token, within those that frame it."""
    tokenizer = processor.tokenizer
    for name in ("boi_token", "image_token"):
        token = getattr(processor, name, None) or getattr(tokenizer, name, None)
        if isinstance(token, str) and token:
            break
    else:
        return None
    for pair in FRAMES:
        ids = [getattr(config, name, None) for name in pair]
        if all(isinstance(index, int) for index in ids):
            begin, end = (str(word) for word in tokenizer.convert_ids_to_tokens(ids))
            return begin + token + end
    return token
