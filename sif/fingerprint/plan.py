"""What is to be made, decided before anything is: which picture, prompt, seed and key each has.

Nothing in it depends on a result, so that it does not matter who makes what, and when. Knows
nothing of processes.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from sif.errors import UsageError
from sif.fingerprint.arguments import (
    check_kinds,
    check_numbers,
    check_seeds,
    checked_images,
    checked_prompts,
)
from sif.fingerprint.content import ContentSpace, learn_content
from sif.fingerprint.craft import Craft, Draft
from sif.fingerprint.lot import Lot, Weighing, seed_of
from sif.fingerprint.manifest import Request, TriggerRecord
from sif.fingerprint.memory import Fitting
from sif.fingerprint.model_manifest import ModelManifest, hash_model
from sif.fingerprint.recipe import (
    GreenMassRecipe,
    KeyedTargetRecipe,
    Recipe,
    SafdRecipe,
    load_recipe,
)
from sif.fingerprint.request import request_of
from sif.pictures.folder import NamedImage, read_images
from sif.pictures.reading import read_image
from sif.prompts import load as load_prompts
from sif.types import GenerationSettings
from sif.vlm.at_hand import ModelAtHand
from sif.vlm.model import Vlm
from sif.vlm.probe import probe
from sif.watermark.greenlist.mask import green_mask
from sif.watermark.keys import KeyRing

UNKNOWN_PATCH: Final = 14


@dataclass(frozen=True, eq=False, kw_only=True)
class Wish:
    """What somebody asks for, looked at."""

    vlm: Vlm
    images: Sequence[NamedImage]
    recipe: Recipe
    prompts: Sequence[str]
    count: int
    keys: KeyRing | None = field(repr=False)
    seed: int
    fitting: Fitting
    max_pixels: int | None

    @classmethod
    def of(
        cls,
        vlm: Vlm,
        images: Sequence[NamedImage] | str | Path,
        *,
        recipe: Recipe | str | Path = "sif",
        prompts: Sequence[str] | None = None,
        count: int | None = None,
        keys: KeyRing | None = None,
        seed: int = 0,
        batch_size: int | Literal["auto"] = "auto",
        checkpointing: bool | None = None,
        max_pixels: int | None = None,
    ) -> "Wish":
        """From what `sif.make_fingerprint` takes.

        Raises:
            UsageError: no images or prompts, a number out of range, or a recipe without green
                lists.
        """
        check_kinds(vlm, keys)
        check_numbers(seed=seed, count=count, batch_size=batch_size, max_pixels=max_pixels)
        recipe = load_recipe(recipe) if isinstance(recipe, str | Path) else recipe
        green_list_objective(recipe)  # refuses other recipes before anything is written
        prompts = load_prompts() if prompts is None else checked_prompts(prompts)
        images = read_images(images) if isinstance(images, str | Path) else checked_images(images)
        number = len(images) if count is None else count
        check_seeds(keys, number)
        return cls(
            vlm=vlm,
            images=images,
            recipe=recipe,
            prompts=prompts,
            count=number,
            keys=keys,
            seed=seed,
            fitting=Fitting(batch_size, checkpointing),
            max_pixels=max_pixels,
        )

    def study(self) -> ContentSpace | None:
        """Probes the model, and learns what the recipe wants known of ordinary pictures.

        Raises:
            ModelError: the model does not pass the probe.
            UsageError: too few images for what the recipe has to learn from them.
        """
        probe(self.vlm)
        return content_of(self.vlm, self.images, self.recipe, max_pixels=self.max_pixels)

    def files(self) -> ModelManifest | None:
        """The digests of the model's files; none where there are no files."""
        commit = getattr(self.vlm.model.config, "_commit_hash", None)
        return hash_model(self.vlm.source, commit=commit)

    def planned(
        self, keys: KeyRing, *, content: ContentSpace | None, files: ModelManifest | None
    ) -> "Plan":
        """The plan of how it is made.

        Args:
            keys: the secret.
            content: of `study`; none also where nothing has to be made any more.
            files: of `files`.
        """
        request = request_of(
            self.vlm,
            self.images,
            files=files,
            recipe=self.recipe,
            prompts=self.prompts,
            count=self.count,
            seed=self.seed,
            batch_size=self.fitting.group,
            keys=keys,
            max_pixels=self.max_pixels,
        )
        return Plan(self.vlm, self.images, request, keys, content, self.fitting)


@dataclass(frozen=True, eq=False)
class Plan:
    """Which picture, prompt, seed and key each trigger has; nothing in it depends on a result."""

    vlm: Vlm
    images: Sequence[NamedImage]
    request: Request
    keys: KeyRing
    content: ContentSpace | None
    fitting: Fitting

    def draft(self, index: int, attempt: int, best: Craft | None) -> Draft:
        """Trigger `index` before its `attempt`-th making (from 0), after the `best` one so far."""
        request, name = self.request, trigger_id(index)
        place = index % len(self.images)
        named = self.images[place]
        return Draft(
            id=name,
            source_image=named.name,
            base=self.vlm.prepare(named.image, max_pixels=request.max_pixels),
            start=best.image if best else None,
            prompt=request.prompts[index % len(request.prompts)],
            green=green_mask(
                self.keys.key(name),
                vocabulary_size=self.vlm.vocabulary_size,
                gamma=request.recipe.gamma,
            ),
            seed=seed_of(request.seed, index, attempt),
        )

    def batches(self) -> list[range]:
        """All indices, in order, `batch_size` at most together."""
        return batches_of(self.request)

    def lots(self, batches: Iterable[range]) -> Iterator[Lot]:
        """The parts that make some of the batches, prepared when somebody takes them."""
        model, request = ModelAtHand(self.vlm), self.request
        for batch in batches:
            yield Lot(
                name=trigger_id(batch.start),
                model=model,
                recipe=request.recipe,
                drafts=tuple(self.draft(index, 0, None) for index in batch),
                seeds=tuple(
                    tuple(seed_of(request.seed, index, attempt) for index in batch)
                    for attempt in range(request.recipe.quality.attempts)
                ),
                generation=generation_of(request.recipe),
                content=self.content,
                fitting=self.fitting,
            )

    def weighings(
        self, folder: Path, made: Iterable[Sequence[TriggerRecord]]
    ) -> Iterator[Weighing]:
        """The parts that weigh the words about the base pictures of some batches."""
        model = ModelAtHand(self.vlm)
        for records in made:
            yield Weighing(
                model=model,
                pictures=tuple(read_image(folder / str(one.base_file)) for one in records),
                prompts=tuple(record.prompt for record in records),
                generation=generation_of(self.request.recipe),
            )


def batches_of(request: Request) -> list[range]:
    """All indices of a request, in order, `batch_size` at most together."""
    size, count = request.batch_size, request.count
    return [range(start, min(start + size, count)) for start in range(0, count, size)]


def trigger_id(index: int) -> str:
    """The id of the trigger with this index: 0001, 0002, …; it is also the label of its key."""
    return f"{index + 1:04d}"


def generation_of(recipe: Recipe) -> GenerationSettings:
    """Settings of the answers that a recipe's triggers are measured by."""
    return GenerationSettings(max_new_tokens=green_list_objective(recipe).answer_tokens + 32)


def content_of(
    vlm: Vlm, images: Sequence[NamedImage], recipe: Recipe, *, max_pixels: int | None = None
) -> ContentSpace | None:
    """What ordinary pictures hold, as far as a recipe keeps out of it; none where it does not.

    Raises:
        UsageError: too few images to learn it from.
    """
    share = recipe.schedule.content_share
    if share is None:
        return None
    pictures = (vlm.prepare(named.image, max_pixels=max_pixels) for named in images)
    return learn_content(pictures, tile=vlm.patch_size or UNKNOWN_PATCH, share=share)


def green_list_objective(recipe: Recipe) -> SafdRecipe | GreenMassRecipe:
    """The objective of a recipe whose triggers carry green lists.

    Raises:
        UsageError: a recipe without them.
    """
    if not isinstance(recipe, Recipe):
        raise UsageError(
            f"recipe: expected a recipe, its name or its YAML file, got {type(recipe).__name__}; "
            "leave it out for the default one"
        )
    if isinstance(recipe.objective, KeyedTargetRecipe):
        raise UsageError(
            f"expected a recipe with the objective safd or green_mass, got {recipe.name} with "
            "keyed_target, whose triggers only `sif bench triggers` makes and counts so far; "
            "choose another recipe, such as sif"
        )
    if not isinstance(recipe.objective, SafdRecipe | GreenMassRecipe):
        raise UsageError(
            f"expected a recipe with the objective safd or green_mass, got {recipe.name} with "
            f"{recipe.objective.kind}, which carries no green list to verify; choose another "
            "recipe, such as sif"
        )
    return recipe.objective
