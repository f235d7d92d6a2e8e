"""Recipes: published methods and our own as compositions, read from YAML.

A recipe names an objective, robustness terms, a budget and a schedule; nothing here runs them.
"""

from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from sif.recipe_file import read_recipe
from sif.validation import Numeric
from sif.watermark.targets import AnswerList

BUILT_IN: Final = (
    "sif",
    "sif-recoded",
    "sif-wire",
    "sif-paper",
    "sif-release",
    "ordinary",
    "pla",
    "rna",
    "cropa",
    "difgsm",
    "agdi",
    "keyed-target",
    "keyed-target-english",
)


_Weight = Annotated[float, Field(gt=0)]


class _Part(Numeric):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class SafdRecipe(_Part):
    """Watermark distillation; the fields are those of `sif.fingerprint.objectives.safd.Safd`."""

    kind: Literal["safd"] = "safd"
    watermark_weight: float = Field(ge=0)
    coherence_weight: float = Field(ge=0)
    distil_weight: float = Field(default=0.0, ge=0)
    top_k: int = Field(ge=1)
    delta: float = Field(gt=0)
    answer_tokens: int = Field(ge=1)
    refresh_every: int | None = Field(default=None, ge=1)
    refresh_delta: float = Field(default=3.0, gt=0)


class GreenMassRecipe(_Part):
    """Joint mass of plausible green words; the fields are those of `GreenMass`."""

    kind: Literal["green_mass"] = "green_mass"
    plausible: float = Field(default=3e-3, gt=0, lt=1)
    coherence_weight: float = Field(default=2.0, ge=0)
    answer_tokens: int = Field(default=128, ge=1)
    delta: float = Field(default=5.0, gt=0)
    refresh_every: int = Field(default=20, ge=1)
    refresh_delta: float = Field(default=2.0, gt=0)


class TargetAnswerRecipe(_Part):
    """A wanted answer for each trigger, which is no part of the recipe (`Batch.target_answers`).

    The fields are those of `TargetAnswer`.
    """

    kind: Literal["target_answer"] = "target_answer"
    semantic_weight: float = Field(default=0.0, ge=0)


class KeyedTargetRecipe(_Part):
    """A wanted beginning that the key draws; the other fields are those of `KeyedTarget`.

    Attributes:
        answers: the public list from which the key draws what each trigger wants.
    """

    kind: Literal["keyed_target"] = "keyed_target"
    answers: AnswerList
    coherence_weight: float = Field(default=1.0, ge=0)
    answer_tokens: int = Field(default=128, ge=1)


class RepresentationNoiseRecipe(_Part):
    """RFO; the fields are those of `RepresentationNoise`."""

    kind: Literal["representation_noise"] = "representation_noise"
    radius: float = Field(gt=0)
    every: int = Field(default=1, ge=1)
    reuse: bool = False


class ImageTransformsRecipe(_Part):
    """Transforms in the loop; the fields are those of `ImageTransforms`."""

    kind: Literal["image_transforms"] = "image_transforms"
    plain: float = Field(default=0.25, ge=0, le=1)
    jpeg: tuple[float, float] = (50.0, 95.0)
    resize: tuple[float, float] = (0.5, 0.75)
    noise: float = Field(default=6.0, ge=0)
    odds: tuple[_Weight, _Weight, _Weight] = (1.0, 1.0, 1.0)


class SimulatedCopiesRecipe(_Part):
    """Worn weights in the loop; the fields are those of `SimulatedCopies`."""

    kind: Literal["simulated_copies"] = "simulated_copies"
    plain: float = Field(default=0.25, ge=0, le=1)
    bits: tuple[Annotated[int, Field(ge=2, le=8)], ...] = Field(default=(3, 4), min_length=1)
    prune: tuple[float, float] = (0.1, 0.4)
    noise: float = Field(default=0.1, ge=0)


class ParameterAscentRecipe(_Part):
    """PLA; the fields are those of `ParameterAscent`."""

    kind: Literal["parameter_ascent"] = "parameter_ascent"
    rate: float = Field(default=1e-4, gt=0)
    clip: float = Field(default=5e-3, gt=0)


class ResistingAuxiliaryRecipe(_Part):
    """AGDI's auxiliary; the fields are those of `ResistingAuxiliary`."""

    kind: Literal["resisting_auxiliary"] = "resisting_auxiliary"
    rate: float = Field(gt=0)
    clip: float = Field(default=5e-3, gt=0)
    every: int = Field(default=1, ge=1)


class WeightNoiseRecipe(_Part):
    """RNA; the fields are those of `WeightNoise`."""

    kind: Literal["weight_noise"] = "weight_noise"
    scale: float = Field(default=1e-4, gt=0)


class TextEmbeddingNoiseRecipe(_Part):
    """CroPA; the fields are those of `TextEmbeddingNoise`."""

    kind: Literal["text_embedding_noise"] = "text_embedding_noise"
    step_size: float = Field(default=0.01, gt=0)
    steps: int = Field(default=300, ge=1)
    every: int = Field(default=1, ge=1)


class InputDiversityRecipe(_Part):
    """DI²-FGSM without its momentum; the fields are those of `InputDiversity`."""

    kind: Literal["input_diversity"] = "input_diversity"
    probability: float = Field(default=0.5, ge=0, le=1)
    pixels: int = Field(default=30, ge=0)
    side: int = Field(default=336, ge=1)


class ScheduleRecipe(_Part):
    """Pace and budget, as in `sif.fingerprint.optimize.Schedule`; lengths in units of 1/255.

    `minimum_frequency` holds within every patch of the model's vision tower. `content_share` keeps
    the change out of the principal components that hold this share of the variance of ordinary
    pictures within every patch; they are learnt from all pictures that the making is given.
    """

    steps: int = Field(ge=1)
    epsilon: float = Field(gt=0, le=255)
    step_size: float = Field(gt=0)
    final_step_size: float | None = Field(default=None, gt=0)
    momentum: float = Field(default=0.0, ge=0, lt=1.001)
    round_pixels: bool = True
    minimum_frequency: float | None = Field(default=None, gt=0, lt=1)
    content_share: float | None = Field(default=None, gt=0, lt=1)
    check_every: int | None = Field(default=None, ge=1)


class QualityRecipe(_Part):
    """When a trigger counts as weak, and how often it is made again (with the same key).

    Attributes:
        minimum_z: green z-score that the source's greedy answer to the saved PNG must reach.
        minimum_answer_tokens: length that the answer must reach.
        attempts: how many times a trigger is made at most.
    """

    minimum_z: float = 1.5
    minimum_answer_tokens: int = Field(default=20, ge=0)
    attempts: int = Field(default=2, ge=1)


def _safd_where_no_kind_is_given(value: Any) -> Any:
    return {"kind": "safd", **value} if isinstance(value, dict) else value


ObjectiveRecipe = Annotated[
    SafdRecipe | GreenMassRecipe | TargetAnswerRecipe | KeyedTargetRecipe,
    Field(discriminator="kind"),
    BeforeValidator(_safd_where_no_kind_is_given),
]
Robustness = Annotated[
    RepresentationNoiseRecipe
    | ImageTransformsRecipe
    | SimulatedCopiesRecipe
    | ParameterAscentRecipe
    | ResistingAuxiliaryRecipe
    | WeightNoiseRecipe
    | TextEmbeddingNoiseRecipe
    | InputDiversityRecipe,
    Field(discriminator="kind"),
]

MIXING: Final = (ParameterAscentRecipe, ResistingAuxiliaryRecipe)
"""Terms whose parameters learn from all triggers of a batch."""
WEARING: Final = (ParameterAscentRecipe, WeightNoiseRecipe, SimulatedCopiesRecipe)
"""Terms that change the weights for a step."""


class Recipe(_Part):
    """Everything that decides how triggers are made, but for model, images, prompts and keys."""

    schema_version: Literal[1] = 1
    name: str
    description: str
    gamma: float = Field(default=0.5, gt=0, lt=1)
    objective: ObjectiveRecipe
    robustness: tuple[Robustness, ...] = ()
    schedule: ScheduleRecipe
    quality: QualityRecipe = QualityRecipe()

    @model_validator(mode="after")
    def _auxiliary_is_seen_and_sees(self) -> "Recipe":
        terms = self.robustness
        places = [at for at, one in enumerate(terms) if isinstance(one, ResistingAuxiliaryRecipe)]
        if len(places) > 1:
            raise ValueError("expected resisting_auxiliary once, as one replaces another's weights")
        for around in terms[: places[0]] if places else ():
            if isinstance(around, WEARING):
                raise ValueError(
                    f"expected {around.kind} behind resisting_auxiliary, whose weights replace "
                    "what it changes; put resisting_auxiliary first"
                )
        return self


def load_recipe(name: str | Path, **changes: Any) -> Recipe:
    """A built-in recipe by name, or one from a YAML file.

    Args:
        name: one of `BUILT_IN`, or a path that ends in .yaml.
        changes: fields of the schedule to replace, such as steps=100.

    Raises:
        UsageError: no such recipe, or a file that is not one.
    """

    def change(content: dict[str, Any]) -> None:
        if changes and isinstance(content.get("schedule"), dict):
            content["schedule"] |= changes

    return read_recipe(Recipe, name, built_in=BUILT_IN, package="sif.fingerprint", change=change)
