"""The public half of a fingerprint, as it lies in manifest.json. Holds no secret."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from sif.recipe import Recipe
from sif.types import GenerationSettings

GREEN_SCHEME: Literal["shake256-v1"] = "shake256-v1"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Quality(_Record):
    """What the source model itself answered to the saved PNG, measured once after making it.

    Attributes:
        z: green z-score of the source's greedy answer to the trigger.
        base_z: of its answer to the base image.
        green_rate: share of green among the distinct scored ids.
        answer_tokens: length of the answer.
        largest_change: of any pixel, in units of 1/255.
        attempts: how many times the trigger was made.
        weak: whether it stayed under the recipe's minimum. It is kept and asked all the same:
            neither keys nor triggers are ever selected.
    """

    z: float
    base_z: float
    green_rate: float
    answer_tokens: int
    largest_change: int
    attempts: int
    weak: bool


class TriggerRecord(_Record):
    """One trigger: files with their SHA-256, question, settings and the commitment to its key."""

    id: str
    file: str
    sha256: str
    base_file: str
    base_sha256: str
    source_image: str
    prompt: str
    generation: GenerationSettings
    key_commitment: str
    quality: Quality


class ModelRecord(_Record):
    """The model that the triggers were made on: where it lay, its kind and its weights' digest."""

    source: str
    kind: str
    digest: str | None


class Request(_Record):
    """Everything that decides a fingerprint; a folder is resumed only with the same request."""

    model: ModelRecord
    recipe: Recipe
    images: tuple[str, ...]
    prompts: tuple[str, ...]
    count: int = Field(ge=1)
    seed: int
    batch_size: int = Field(ge=1)
    device: str
    key_commitment: str


class Manifest(_Record):
    """manifest.json.

    Attributes:
        weights_sha256: of weights.json; none where all words count alike.
        anchor: hex digits that went into every key beside the secret; none where nothing did.
    """

    schema_version: Literal[1] = 1
    green_scheme: Literal["shake256-v1"] = GREEN_SCHEME
    created: str
    model: ModelRecord
    tokenizer_sha256: str
    weights_sha256: str | None = None
    vocabulary_size: int
    gamma: float
    recipe: Recipe
    seed: int
    anchor: str | None = None
    triggers: tuple[TriggerRecord, ...]
