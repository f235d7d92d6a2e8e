"""Recipes: everything that decides how a model is marked, but for model, images and keys."""

from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field

from sif.recipe_file import read_recipe
from sif.validation import Numeric
from sif.watermark.activemark.projection import Directions

BUILT_IN: Final = ("keyed", "injected", "paper")
Mode = Literal["injected", "keyed"]


class _Part(Numeric):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CopiesRecipe(_Part):
    """At which weights the message term is taken: those that a thief's copy would have.

    Attributes:
        plain: probability of the weights as they are; the other kinds share the rest equally.
        bits: widths that weights are rounded to, in groups of 64.
        prune: lowest and highest share of a layer's weights that are set to zero.
        noise: highest standard deviation of the noise, as a share of the layer's own.
        tuned: how many fine-tuned copies are kept in memory, as differences; 0 for none.
        every: steps after which one of them is made anew from the marked model of that moment.
        tuning_steps: AdamW steps that make one, all layers, on classes found among the images.
        rates: learning rates of that, in turn.
    """

    plain: float = Field(default=0.25, ge=0, le=1)
    bits: tuple[Annotated[int, Field(ge=2, le=8)], ...] = (4,)
    prune: tuple[float, float] = (0.1, 0.45)
    noise: float = Field(default=0.15, ge=0)
    tuned: int = Field(default=6, ge=0)
    every: int = Field(default=35, ge=1)
    tuning_steps: int = Field(default=64, ge=1)
    rates: tuple[Annotated[float, Field(gt=0)], ...] = (3e-4, 1e-3)


class MarkRecipe(_Part):
    """How a model is marked.

    Attributes:
        mode: "injected", the paper's: a message goes into the suspect's forward pass and is read
            from its representation. "keyed": nothing goes in; the representation of every hold-out
            image spells its secret message by itself.
        bits: n, of every message.
        holdout: hold-out images, each with a message of its own.
        composed: whether hold-out images are put together of tiles of the pictures held out
            (`sif.marks.pictures.compose`), rather than those pictures themselves.
        false_positive_rate: of one image; decides τ.
        block: where the message goes in and after which blocks are trained, counted from 0; none
            for the expressive one.
        from_block: in the keyed mode, the first block that is trained; none for all.
        token: whose vector the encoder replaces; none for the first that the representation is
            read from: CLS, or the first patch where patches are averaged.
        top: k of the activation profile.
        pool: training images, cut from those that are no hold-out images.
        looks: share of them that are made grey, coarse, harsh or negative, so that features stay
            what they were on pictures unlike the owner's too.
        steps: of AdamW.
        batch: training images in each step.
        rate: learning rate of the blocks, after a warm-up and with a cosine decay.
        coder_rate: of encoder and decoder.
        message_weight: λ, of the message term.
        feature_weight: of the feature term, the drift of the whole representation.
        carriage_weight: of the term that keeps the clean source, and other models where they are
            given, from carrying injected messages; 0 for the paper's scheme.
        margin: by how much every bit is to be right in the keyed mode, as a share of the spread of
            the clean representations (root mean square over their dimensions).
        directions: in which the keyed mode writes.
        copies: simulated thefts; none for the paper's scheme.
    """

    schema_version: Literal[1] = 1
    name: str
    description: str
    mode: Mode
    bits: int = Field(default=32, ge=8, le=256)
    holdout: int = Field(default=24, ge=4)
    composed: bool = False
    false_positive_rate: float = Field(default=1e-3, gt=0, lt=0.5)
    block: int | None = Field(default=None, ge=0)
    from_block: int | None = Field(default=None, ge=0)
    token: int | None = Field(default=None, ge=0)
    top: int = Field(default=5, ge=1)
    pool: int = Field(default=512, ge=16)
    looks: float = Field(default=0.0, ge=0, le=1)
    steps: int = Field(default=500, ge=1)
    batch: int = Field(default=32, ge=2)
    rate: float = Field(default=5e-4, gt=0)
    coder_rate: float = Field(default=1e-3, gt=0)
    message_weight: float = Field(default=1.0, gt=0)
    feature_weight: float = Field(default=1.0, ge=0)
    carriage_weight: float = Field(default=0.0, ge=0)
    margin: float = Field(default=0.75, gt=0)
    directions: Directions = "quiet"
    copies: CopiesRecipe | None = None


def load_recipe(name: str | Path, **changes: Any) -> MarkRecipe:
    """A built-in recipe by name, or one from a YAML file.

    Args:
        name: one of `BUILT_IN`, or a path that ends in .yaml.
        changes: fields to replace, such as steps=100; those that are None change nothing.

    Raises:
        UsageError: no such recipe, or a file that is not one.
    """

    def change(content: dict[str, Any]) -> None:
        content |= {field: value for field, value in changes.items() if value is not None}

    return read_recipe(MarkRecipe, name, built_in=BUILT_IN, package="sif.marks", change=change)
