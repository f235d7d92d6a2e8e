"""The public half of a fingerprint, as it lies in manifest.json. Holds no secret."""

import re
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from sif.fingerprint.recipe import Recipe
from sif.types import GenerationSettings
from sif.visible import quoted

GREEN_SCHEME: Literal["shake256-v1"] = "shake256-v1"
GreenScheme = Literal["shake256-v1", "simple_0", "simple_1"]
"""Ours, or one of the released codes (compatibility mode, in which nothing can be proven)."""


SHORT: Final = re.compile(r"[0-9a-f]{10,12}")


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


class PublishedKey(_Record):
    """Where the green list of a trigger of the released code comes from.

    Attributes:
        hash_key: the public integer that seeds the generator.
        searched: whether it was searched for by what the source says about the base image.
        folder: the trigger's folder as the released code called it.
    """

    hash_key: int
    searched: bool
    folder: str


class TriggerRecord(_Record):
    """One trigger: files with their SHA-256, question, settings and the commitment to its key.

    Triggers of the released code have a `published` key, to which the commitment is no secret, no
    measured quality, and a base image only where it was at hand.
    """

    id: str
    file: str
    sha256: str
    base_file: str | None
    base_sha256: str | None
    source_image: str
    prompt: str
    generation: GenerationSettings
    key_commitment: str
    quality: Quality | None
    published: PublishedKey | None = None


class ModelRecord(_Record):
    """The model that the triggers were made on.

    Attributes:
        source: what its owner calls it: a hub id, or the name of a folder.
        kind: of its architecture.
        digest: ten hex digits of samples, as in suspects' names; nothing that is claimed rests on
            them where the next is there.
        model_sha256: root of model.manifest.json, over every byte; none in fingerprints from
            before, and where there are no files.
    """

    source: str
    kind: str
    digest: str | None
    model_sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")

    @property
    def words(self) -> str:
        """The model in words, in one bounded and printable line: the name is its owner's word."""
        digest = self.model_sha256 or self.digest or ""
        known = SHORT.match(digest)
        said = f"digest {known[0]}" if known else "digest unknown"
        return f"model {quoted(self.source)} ({said})"


class Request(_Record):
    """Everything that decides a fingerprint; a folder is resumed only with the same request.

    Attributes:
        max_pixels: what the maker asked for; none where the model's usual limit holds, and in
            requests from before.
    """

    model: ModelRecord
    recipe: Recipe
    images: tuple[str, ...]
    prompts: tuple[str, ...]
    count: int = Field(ge=1)
    seed: int
    batch_size: int = Field(ge=1)
    device: str
    key_commitment: str
    max_pixels: int | None = Field(default=None, ge=1)


class Manifest(_Record):
    """manifest.json.

    Attributes:
        tokenizer_sha256: over the names and contents of the files in tokenizer/.
        tokenizer_json_sha256: of tokenizer/tokenizer.json, which alone cuts answers into ids; none
            in fingerprints from before, where transformers read the whole folder.
        weights_sha256: of weights.json; none where all words count alike.
        recipe: none in compatibility mode.
        max_pixels: that a base image was to have at most; none where there was no limit, and in
            fingerprints from before.
        anchor: hex digits that went into every key beside the secret; none where nothing did.
    """

    schema_version: Literal[1] = 1
    green_scheme: GreenScheme = GREEN_SCHEME
    created: str
    model: ModelRecord
    tokenizer_sha256: str
    tokenizer_json_sha256: str | None = None
    weights_sha256: str | None = None
    vocabulary_size: int
    gamma: float
    recipe: Recipe | None
    seed: int
    max_pixels: int | None = Field(default=None, ge=1)
    anchor: str | None = None
    triggers: tuple[TriggerRecord, ...]
