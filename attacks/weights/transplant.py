"""Transplanting: the language model stays, everything that sees is another model's.

The copy has the language model, the vocabulary, the tokenizer and the chat template of the model
attacked, and the vision tower, the projector and the image processor of the other. The reverse, the
owner's tower with another language model, is the same with the two models exchanged. The parts may
have other widths and depths; only where they meet must the sizes agree. Nothing is trained: unless
both models have a common ancestor, the copy needs fine-tuning before it sees anything.

Knows no family: what is not the language model is the shell.
"""

from typing import Any, ClassVar, Final

from torch import nn

from sif.attacks.weights.attack import Facts, Progress, WeightAttack, Workbench
from sif.attacks.weights.parts import language_model
from sif.attacks.weights.provenance import digest_source
from sif.errors import ModelError, UsageError
from sif.vlm.folder import load_model, load_processor

# What configurations and processors say of the shell; the rest is about words.
CONFIGURED: Final = (
    *("vision_config", "vision_feature_layer", "vision_feature_select_strategy"),
    *("projector_hidden_act", "multimodal_projector_bias", "image_seq_length"),
)
PROCESSED: Final = (
    *("image_processor", "video_processor", "patch_size", "vision_feature_select_strategy"),
    "num_additional_image_tokens",
)


class Transplant(WeightAttack):
    """Puts the language model of the model attacked into the shell of another.

    Attributes:
        other: folder or hub id of the model whose shell it is; of the same architecture.
    """

    name: ClassVar[str] = "transplant"

    other: str

    def apply(self, model: Any, processor: Any, bench: Workbench) -> Facts:
        """Replaces model's and processor's shell in place.

        Raises:
            UsageError: another architecture, or parts that do not fit together.
            ModelError: the other model cannot be loaded, or has no part that sees.
        """
        guest = load_model(self.other, dtype=model.dtype)
        _refuse_misfits(self.other, guest, model)
        shell = _shell(guest)
        for step, (name, part) in enumerate(shell.items(), start=1):
            setattr(model.base_model, name, part.to(model.device))
            bench.report(Progress(stage=self.name, step=step, steps=len(shell)))
        _take_over(CONFIGURED, guest.config, model.config)
        _take_over(PROCESSED, load_processor(self.other), processor)
        return {"parts": list(shell), "other_digest": digest_source(self.other)}


def _shell(model: Any) -> dict[str, nn.Module]:
    """The parts of a model beside its language model, by name."""
    decoder = language_model(model)
    parts = {name: part for name, part in model.base_model.named_children() if part is not decoder}
    if not parts:
        raise ModelError(f"expected a {type(model).__name__} with a vision part, got none")
    return parts


def _refuse_misfits(source: str, guest: Any, model: Any) -> None:
    if type(guest) is not type(model):
        raise UsageError(
            f"expected {source} to be a {type(model).__name__} as the model attacked, got a "
            f"{type(guest).__name__}; a shell fits language models of its own architecture only"
        )
    ours, theirs = (language_model(each).config.hidden_size for each in (model, guest))
    if ours != theirs:
        raise UsageError(
            f"expected {source} to hand on images {ours} wide, as the language model attacked "
            f"takes them, got {theirs}"
        )


def _take_over(names: tuple[str, ...], giver: Any, taker: Any) -> None:
    for name in names:
        if hasattr(giver, name) and hasattr(taker, name):
            setattr(taker, name, getattr(giver, name))
