"""A vision-language model in white-box use: images in [0, 1] in, logits and gradients out.

Every picture goes through the model's own processor and every prompt through its own chat template,
so that what is optimised is what a user's question would show the model. Knows nothing of keys,
watermarks or budgets, and no model by name.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import torch
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor, nn

from sif.errors import ModelError, UsageError
from sif.types import GenerationSettings
from sif.vlm.extent import ORDINARY
from sif.vlm.folder import load_model, load_processor
from sif.vlm.native import prepare_image

DEVICE: Final = re.compile(r"cpu|mps|cuda(:\d{1,3})?")
USUAL_TOKENS: Final = 1024
IMAGE_IDS: Final = ("image_token_id", "image_token_index")
DTYPES: Final = ("float32", "bfloat16", "float16", "float64")
ADDED_BY_PROCESSOR = ("mm_token_type_ids", "token_type_ids")

Pictures = Float[Tensor, "batch 3 height width"] | Sequence[Image.Image]
"""Images as floats in [0, 1] at the native extent, or as pictures of any size."""

LogitsHook = Callable[[Tensor, Tensor], Tensor]
"""(ids "batch positions", logits "batch vocab") -> logits."""


@dataclass(frozen=True, eq=False)
class Vlm:
    """A frozen model with its processor.

    Args:
        model: an image-text-to-text model of transformers, in evaluation mode.
        processor: its processor, with a chat template.
        source: the folder or hub id that it came from.
    """

    model: Any
    processor: Any
    source: str

    @classmethod
    def load(
        cls, source: str | Path, *, device: str = "auto", dtype: torch.dtype | str = "auto"
    ) -> "Vlm":
        """Loads a model for optimisation.

        Args:
            source: a folder or a hub id.
            device: "auto" (CUDA where there is one), "cpu", "cuda", "cuda:1", …
            dtype: "auto" is float32 on a CPU and bfloat16 on CUDA; or one of `DTYPES`.

        Raises:
            UsageError: a device that is not there, or another precision.
            ModelError: it cannot be loaded, takes no images, or has no chat template.
        """
        place = _choose_device(device)
        precision = _choose_dtype(dtype, place)
        model = load_model(source, dtype=precision).to(place).requires_grad_(False)
        processor = load_processor(source)
        if getattr(processor, "chat_template", None) is None:
            raise ModelError(
                f"expected a processor with a chat template, got none in {source}; add "
                "chat_template.jinja from the model's own release to the folder"
            )
        return cls(model, processor, str(source))

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return torch.device(self.model.device)

    @property
    def tokenizer(self) -> Any:
        """The model's tokenizer."""
        return self.processor.tokenizer

    @property
    def vocabulary_size(self) -> int:
        """Number of ids that the tokenizer can produce (the logits may be padded beyond)."""
        return len(self.tokenizer)

    @property
    def layers(self) -> list[nn.Module]:
        """The blocks of the language model, first to last."""
        decoder = self.model.get_decoder()
        layers = getattr(decoder, "layers", None)
        if not isinstance(layers, nn.ModuleList) or not len(layers):
            raise ModelError(
                f"expected a language model with a list of layers, got {type(decoder).__name__}"
            )
        return list(layers)

    @property
    def patch_size(self) -> int | None:
        """Side in pixels of the squares that the vision tower first sees; None where unknown."""
        tower = getattr(self.model.config, "vision_config", None)
        size = getattr(tower, "patch_size", None)
        return size if isinstance(size, int) else None

    @cached_property
    def usual_pixels(self) -> int | None:
        """Pixels that `USUAL_TOKENS` positions of the prompt show; None where it cannot be told.

        Asked: how many positions an ordinary picture takes.
        """
        ids = (getattr(self.model.config, name, None) for name in IMAGE_IDS)
        token = next((index for index in ids if isinstance(index, int)), None)
        if token is None:
            return None
        image = prepare_image(Image.new("RGB", ORDINARY), self.processor.image_processor)
        taken = int((self.encode([image], ["?"])["input_ids"] == token).sum())
        return image.width * image.height * USUAL_TOKENS // taken if taken else None

    def prepare(self, image: Image.Image, *, max_pixels: int | None = None) -> Image.Image:
        """The base image that a picture becomes: RGB at the model's native extent.

        Args:
            image: of any size.
            max_pixels: that the extent has at most; `usual_pixels` where None, unless the model
                takes no picture of so few.

        Raises:
            UsageError: no extent of this model has so few pixels.
        """
        return prepare_image(
            image,
            self.processor.image_processor,
            most=max_pixels or self.usual_pixels,
            exact=max_pixels is not None,
        )

    def chat_text(self, prompt: str) -> str:
        """One user turn with an image and `prompt`, in the model's own chat template."""
        content = [{"type": "image"}, {"type": "text", "text": prompt}]
        text = self.processor.apply_chat_template(
            [{"role": "user", "content": content}], add_generation_prompt=True
        )
        return str(text)

    def encode(self, images: Pictures, prompts: Sequence[str]) -> dict[str, Tensor]:
        """Model inputs for image-prompt pairs, padded on the left.

        Pictures go the way of any user's; a tensor of floats in [0, 1] goes the same way without
        the division by 255, and keeps its gradient.
        """
        texts = [self.chat_text(prompt) for prompt in prompts]
        begin = self.tokenizer.bos_token
        batch = self.processor(
            images=list(images),
            text=texts,
            add_special_tokens=not (begin and texts[0].startswith(begin)),
            do_rescale=not isinstance(images, Tensor),
            padding=True,
            padding_side="left",
            return_tensors="pt",
        )
        return {name: value.to(self.device) for name, value in batch.items()}

    def answer_logits(
        self,
        images: Float[Tensor, "batch 3 height width"],
        prompts: Sequence[str],
        answers: Sequence[Sequence[int]],
    ) -> tuple[Float[Tensor, "batch positions vocab"], Int[Tensor, "batch positions"]]:
        """Teacher-forced logits for every position of the answers, and their ids.

        Shorter answers are padded at the end: their ids are -1 there.

        Args:
            images: float in [0, 1], at the native extent.
            prompts: plain words, one for each image.
            answers: token ids, one sequence for each image.
        """
        inputs = self.encode(images, prompts)
        longest = max(len(answer) for answer in answers)
        ids = torch.full((len(answers), longest), -1, device=self.device)
        for row, answer in zip(ids, answers, strict=True):
            row[: len(answer)] = torch.tensor(answer, device=self.device)
        inputs = _append(inputs, ids, filler=self.tokenizer.pad_token_id or 0)
        logits = self.model(**inputs, use_cache=False, logits_to_keep=longest + 1).logits
        return logits[:, :-1].float(), ids

    @torch.no_grad()
    def generate(
        self,
        images: Pictures,
        prompts: Sequence[str],
        settings: GenerationSettings,
        hook: LogitsHook | None = None,
    ) -> list[list[int]]:
        """Answers as token ids, without the special ones that end them.

        Args:
            images: pictures, or floats in [0, 1].
            prompts: plain words, one for each image.
            settings: greedy where the temperature is 0.
            hook: changes the next-token logits, such as a green-list bias.
        """
        inputs = self.encode(images, prompts)
        sampling: dict[str, Any] = {"do_sample": False}
        if settings.temperature:
            sampling = {"do_sample": True, "temperature": settings.temperature, "top_k": 0}
            sampling["top_p"] = settings.top_p
        output = self.model.generate(
            **inputs,
            **sampling,
            max_new_tokens=settings.max_new_tokens,
            min_new_tokens=settings.min_new_tokens or None,
            repetition_penalty=settings.repetition_penalty,
            logits_processor=[hook] if hook else None,
        )
        special = set(self.tokenizer.all_special_ids)
        new = output[:, inputs["input_ids"].shape[1] :].tolist()
        return [[index for index in row if index not in special] for row in new]

    def decode(self, ids: Sequence[int]) -> str:
        """Token ids as text, without special tokens."""
        return str(self.tokenizer.decode(ids, skip_special_tokens=True)).strip()


def _append(inputs: dict[str, Tensor], ids: Tensor, *, filler: int) -> dict[str, Tensor]:
    """Puts the answers behind the prompts in everything that has one entry a position."""
    seen = ids >= 0
    longer = dict(inputs)
    longer["input_ids"] = torch.cat([inputs["input_ids"], ids.masked_fill(~seen, filler)], 1)
    longer["attention_mask"] = torch.cat(
        [inputs["attention_mask"], seen.to(inputs["attention_mask"])], 1
    )
    for name in ADDED_BY_PROCESSOR:
        if name in inputs:
            longer[name] = torch.cat([inputs[name], torch.zeros_like(ids)], 1)
    return longer


def _choose_device(wanted: str) -> torch.device:
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if wanted == "auto":
        return torch.device("cuda" if count else "cpu")
    if not DEVICE.fullmatch(str(wanted)):
        raise UsageError(
            f"device: expected auto, cpu, mps, cuda or cuda:N, got {ascii(wanted)[:40]}; leave it "
            "out for auto"
        )
    device = torch.device(wanted)
    if device.type == "cuda" and (device.index or 0) >= count:
        raise UsageError(f"expected a device that is there, got {wanted} of {count} GPUs; use cpu")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise UsageError("expected a device that is there, got mps without one; use cpu")
    return device


def _choose_dtype(wanted: torch.dtype | str, place: torch.device) -> torch.dtype:
    if wanted == "auto":
        return torch.float32 if place.type == "cpu" else torch.bfloat16
    for name in DTYPES:
        found: torch.dtype = getattr(torch, name)
        if wanted in (name, found):
            return found
    raise UsageError(
        f"dtype: expected auto, {', '.join(DTYPES)}, got {ascii(wanted)[:40]}; leave it out for "
        "auto"
    )
