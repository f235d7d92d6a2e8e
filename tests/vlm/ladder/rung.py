"""One rung of the ladder: what makes an architecture's tiny model folder what it is, as data.

Knows nothing of how a folder is built or tried.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Settings = Mapping[str, Any]

STYLES: Mapping[str, tuple[str, str]] = {
    "plain": ("{role}: ", "\n"),
    "chatml": ("<|im_start|>{role}\n", "<|im_end|>\n"),
    "gemma": ("<start_of_turn>{role}\n", "<end_of_turn>\n"),
    "gemma4": ("<|turn>{role}\n", "<turn|>\n"),
    "llama": ("<|start_header_id|>{role}<|end_header_id|>\n\n", "<|eot_id|>"),
    "glm": ("<|{role}|>\n", ""),
    "mistral": ("[INST]", "[/INST]"),
    "cohere": ("<|START_OF_TURN_TOKEN|><|{role}|>", "<|END_OF_TURN_TOKEN|>"),
}
"""How families begin and end a turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """How the tiny folder of one architecture is made.

    Attributes:
        image: what the chat template writes for a picture; None for a processor without one.
        style: of turns, in `STYLES`.
        named: special tokens that the family's tokenizer calls by a name.
        special: further special tokens.
        config: what the configuration differs in from the default one made small.
        ids: token ids in the configuration, by key, where their name is not a token's.
        pixels: arguments of the image processor.
        video: arguments of the video processor.
        processor: arguments of the processor.
        processor_class: where the mapping names none.
        image_class: image processor, where the mapping names none or another.
        video_class: video processor, likewise.
        audio_class: feature extractor, likewise.
        needs: libraries that transformers wants for it beside its own.
        refused: part of the sentence that it is refused with; None where it works.
    """

    image: str | None = "<image>\n"
    style: str = "plain"
    named: Mapping[str, str] = field(default_factory=dict)
    special: tuple[str, ...] = ()
    config: Settings = field(default_factory=dict)
    ids: Mapping[str, str] = field(default_factory=dict)
    pixels: Settings = field(default_factory=dict)
    video: Settings = field(default_factory=dict)
    processor: Settings = field(default_factory=dict)
    processor_class: str | None = None
    image_class: str | None = None
    video_class: str | None = None
    audio_class: str | None = None
    needs: tuple[str, ...] = ()
    refused: str | None = None


def chat_template(rung: Rung) -> str | None:
    """A template in the family's style that writes down system turns, pictures and words."""
    if rung.image is None:
        return None
    opening, closing = (_quoted(words) for words in STYLES[rung.style])
    begin = opening.replace("{role}", "' + message['role'] + '")
    answer = opening.replace("{role}", "assistant")
    return (
        "{{ bos_token }}{% for message in messages %}"
        f"{{{{ '{begin}' }}}}"
        "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
        "{% for part in message['content'] %}{% if part['type'] == 'image' %}"
        f"{{{{ '{_quoted(rung.image)}' }}}}"
        "{% elif part['type'] == 'text' %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}"
        f"{{{{ '{closing}' }}}}{{% endfor %}}"
        f"{{% if add_generation_prompt %}}{{{{ '{answer}' }}}}{{% endif %}}"
    )


def _quoted(text: str) -> str:
    return text.replace("\n", "\\n")
