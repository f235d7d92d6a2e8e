"""A vision-language model in white-box use: images in [0, 1] in, logits and gradients out.

Every picture goes through the model's own processor and every prompt through its own chat template,
so that what is optimised is what a user's question would show the model. Knows nothing of keys,
watermarks or budgets, and no model by name.
"""

from collections.abc import Sequence
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
from sif.vlm.adapter import refuse_adapter
from sif.vlm.chat import spell
from sif.vlm.decoding import LogitsHook, decode
from sif.vlm.encoding import Pictures, encoded
from sif.vlm.extent import ORDINARY
from sif.vlm.folder import load_chat_processor, load_model
from sif.vlm.inputs import forward_options, lengthened, placed, processor_options
from sif.vlm.native import prepare_image
from sif.vlm.placeholders import placeholders_of, refuse
from sif.vlm.placement import device_map, devices_of, places
from sif.vlm.quantised import refuse_quantised

USUAL_TOKENS: Final = 1024
IMAGE_IDS: Final = ("image_token_id", "image_token_index")
DTYPES: Final = ("float32", "bfloat16", "float16", "float64")


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
            device: "auto" (CUDA where there is one, over all GPUs where it fits none), "cpu",
                "cuda", "cuda:1", … or several: "cuda:0,cuda:1".
            dtype: "auto" is float32 on a CPU and bfloat16 on CUDA; or one of `DTYPES`.

        Raises:
            UsageError: a device that is not there or has no room, or another precision.
            ModelError: it cannot be loaded, takes no images, or has no chat template.
        """
        precision = _choose_dtype(dtype, devices_of(device)[0])
        refuse_adapter(source)
        refuse_quantised(source)
        where = device_map(source, device, dtype=precision)
        onto: dict[str, Any] = {} if where == {"": torch.device("cpu")} else {"device_map": where}
        model = load_model(source, dtype=precision, **onto).requires_grad_(False)
        processor = load_chat_processor(source)
        return cls(model, processor, str(source))

    @property
    def device(self) -> torch.device:
        """Where the model is, or where its inputs and its logits are if it is on several."""
        return torch.device(self.model.device)

    @property
    def devices(self) -> Sequence[torch.device]:
        """All devices that the model is on."""
        return places(self.model)

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
        found = {
            name: module
            for name, module in decoder.named_modules()
            if name.split(".")[-1] == "layers" and isinstance(module, nn.ModuleList) and len(module)
        }
        if not found:
            raise ModelError(
                f"expected a language model with a list of layers, got {type(decoder).__name__}"
            )
        return list(found[min(found, key=lambda name: name.count("."))])

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
        """One user turn with an image and `prompt`, in the model's own chat template.

        Raises:
            UsageError: the prompt holds what stands for a picture.
        """
        refuse("prompt", [prompt], placeholders_of(self.processor))
        return spell(self.processor, prompt)

    def encode(self, images: Pictures, prompts: Sequence[str]) -> dict[str, Tensor]:
        """Model inputs for image-prompt pairs, padded on the left.

        Pictures go the way of any user's; a tensor of floats in [0, 1] goes the same way without
        the division by 255, and keeps its gradient.
        """
        texts = [self.chat_text(prompt) for prompt in prompts]
        begin = self.tokenizer.bos_token
        batch = encoded(
            self.processor,
            images,
            texts,
            add_special_tokens=not (begin and texts[0].startswith(begin)),
            padding=True,
            padding_side="left",
            return_tensors="pt",
            **processor_options(self.model),
        )
        rows = len(batch["input_ids"])
        if rows != len(texts):
            raise ModelError(
                f"{self.source}: expected a processor that makes one input of one question, got "
                f"{rows} of {len(texts)}; it asks questions of its own"
            )
        return placed(batch, self.model)

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
        inputs, ids = self.answer_inputs(images, prompts, answers)
        logits = self.model(**inputs).logits
        return logits[:, -ids.shape[1] - 1 : -1].float(), ids

    def answer_inputs(
        self,
        images: Float[Tensor, "batch 3 height width"],
        prompts: Sequence[str],
        answers: Sequence[Sequence[int]],
    ) -> tuple[dict[str, Any], Int[Tensor, "batch positions"]]:
        """What `answer_logits` gives the model, and the ids of the answers."""
        inputs = self.encode(images, prompts)
        longest = max(len(answer) for answer in answers)
        ids = torch.full((len(answers), longest), -1, device=self.device)
        for row, answer in zip(ids, answers, strict=True):
            row[: len(answer)] = torch.tensor(answer, device=self.device)
        filler = self.tokenizer.pad_token_id or 0
        longer = lengthened(self.model, inputs, ids, filler=filler)
        return {**longer, **forward_options(self.model, positions=longest + 1)}, ids

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
        new = decode(self.model, self.encode(images, prompts), settings, hook=hook).ids
        special = set(self.tokenizer.all_special_ids)
        return [[index for index in row if index not in special] for row in new.tolist()]

    def decode(self, ids: Sequence[int]) -> str:
        """Token ids as text, without special tokens."""
        return str(self.tokenizer.decode(ids, skip_special_tokens=True)).strip()


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
