"""Makes a fingerprint: base images, keys and a recipe become triggers on disk.

1. Open the folder: the same request goes on where it stopped. 2. Prepare the base images.
3. Optimise them in batches. 4. Measure the saved pictures through the model's ordinary pipeline;
make weak ones again, with the same key. 5. Weigh the words. 6. Write the manifest.
"""

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
from jaxtyping import Float

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
from sif.fingerprint.folder import FingerprintSet
from sif.fingerprint.manifest import Manifest, Quality, Request, TriggerRecord
from sif.fingerprint.memory import Fitting, craft_fitting
from sif.fingerprint.model_manifest import hash_model
from sif.fingerprint.predictability import word_weights
from sif.fingerprint.recipe import GreenMassRecipe, Recipe, SafdRecipe, load_recipe
from sif.fingerprint.request import request_of
from sif.fingerprint.workspace import TokenizerDigests, Workspace
from sif.pictures.folder import NamedImage, read_images
from sif.pictures.reading import read_image
from sif.prompts import load as load_prompts
from sif.types import GenerationSettings
from sif.vlm.model import Vlm
from sif.vlm.probe import probe
from sif.watermark.greenlist.mask import green_mask
from sif.watermark.keys import KeyRing

UNKNOWN_PATCH: Final = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class MakingProgress:
    """What making tells its caller: triggers done out of all, and where those at work are."""

    done: int
    count: int
    working: int
    attempt: int
    step: int
    steps: int
    loss: float

    @property
    def part(self) -> float:
        """The work done on the triggers at work, in triggers."""
        return self.working * self.step / self.steps


Report = Callable[[MakingProgress], None]


def make_fingerprint(
    vlm: Vlm,
    images: Sequence[NamedImage] | str | Path,
    *,
    out: str | Path,
    recipe: Recipe | str | Path = "sif",
    prompts: Sequence[str] | None = None,
    count: int | None = None,
    keys: KeyRing | None = None,
    seed: int = 0,
    batch_size: int | Literal["auto"] = "auto",
    checkpointing: bool | None = None,
    max_pixels: int | None = None,
    report: Report = lambda progress: None,
) -> FingerprintSet:
    """Makes `count` triggers on a model and keeps them in a folder.

    Called again with the same arguments after an interruption it goes on; the result is the same.
    A weak trigger is made again from where its first making ended, with the same key and on the
    same picture: a picture that is chosen by how well it goes with a key is a selection, and would
    accuse innocents that say what the source says (`sif bench ownership` measures it). A recipe
    with a `content_share` learns from all pictures, those beyond `count` too, what ordinary ones
    hold.

    Args:
        vlm: the owner's model.
        images: base images, or a folder of them; fewer than `count` are used again with other
            prompts.
        out: the folder.
        recipe: how triggers are made; a built-in one or a YAML file by name.
        prompts: ordinary questions, taken in turn; those that come with SIF where None.
        count: number of triggers; all images where None.
        keys: the owner's secret; where None, the folder's or a fresh one, which is saved there.
        seed: of everything random but the keys.
        batch_size: triggers optimised together, which share their changes of the weights and
            nothing else; "auto" is 8, as many of them at once as fit into memory.
        checkpointing: computes activations again in the backward pass instead of keeping them,
            with the same result; None where memory is short.
        max_pixels: of a base image at most, where the model follows the extent of a picture; what
            1,024 image tokens show where None.
        report: called after every step.

    Raises:
        UsageError: no images or prompts, a number out of range, a recipe without green lists, or
            too few images for what the recipe has to learn from them; nothing is then written.
        ModelError: the model does not pass the probe.
        FingerprintError: the folder belongs to something else.
        StorageError: the folder cannot be written.
    """
    check_kinds(vlm, keys)
    check_numbers(seed=seed, count=count, batch_size=batch_size, max_pixels=max_pixels)
    fitting = Fitting(batch_size, checkpointing)
    recipe = load_recipe(recipe) if isinstance(recipe, str | Path) else recipe
    green_list_objective(recipe)  # refuses other recipes before anything is written
    prompts = load_prompts() if prompts is None else checked_prompts(prompts)
    images = read_images(images) if isinstance(images, str | Path) else checked_images(images)
    number = len(images) if count is None else count
    check_seeds(keys, number)
    workspace = Workspace(Path(out))
    content = None if workspace.finished() else _study(vlm, images, recipe, max_pixels)
    keys = workspace.open_keys(keys)
    files = hash_model(vlm.source, commit=getattr(vlm.model.config, "_commit_hash", None))
    request = request_of(
        vlm,
        images,
        files=files,
        recipe=recipe,
        prompts=prompts,
        count=number,
        seed=seed,
        batch_size=fitting.group,
        keys=keys,
        max_pixels=max_pixels,
    )
    workspace.claim(request)
    if workspace.finished() is None:
        if files is not None:
            workspace.write_model(files)
        _finish(Plan(vlm, images, request, keys, content, fitting), workspace, report)
    return FingerprintSet.load(workspace.folder)


def _finish(plan: "Plan", workspace: Workspace, report: Report) -> None:
    vlm, request = plan.vlm, plan.request
    tokenizer = workspace.write_tokenizer(vlm.tokenizer)
    records = _make_all(plan, workspace, report)
    weights = workspace.write_weights(_weights(vlm, request, workspace.folder, records))
    workspace.finish(_manifest(vlm, request, tokenizer, weights, records, plan.keys))


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
        return Draft(
            id=name,
            source_image=self.images[place].name,
            base=self.vlm.prepare(self.images[place].image, max_pixels=request.max_pixels),
            start=best.image if best else None,
            prompt=request.prompts[index % len(request.prompts)],
            green=green_mask(
                self.keys.key(name),
                vocabulary_size=self.vlm.vocabulary_size,
                gamma=request.recipe.gamma,
            ),
            seed=int(np.random.SeedSequence([request.seed, index, attempt]).generate_state(1)[0]),
        )

    def batches(self) -> list[list[int]]:
        """All indices, in order, `batch_size` at most together."""
        size, count = self.request.batch_size, self.request.count
        return [list(range(start, min(start + size, count))) for start in range(0, count, size)]


def trigger_id(index: int) -> str:
    """The id of the trigger with this index: 0001, 0002, …; it is also the label of its key."""
    return f"{index + 1:04d}"


def _study(
    vlm: Vlm, images: Sequence[NamedImage], recipe: Recipe, max_pixels: int | None
) -> ContentSpace | None:
    """Probes the model, and learns what the recipe wants known of ordinary pictures."""
    probe(vlm)
    share = recipe.schedule.content_share
    if share is None:
        return None
    pictures = (vlm.prepare(named.image, max_pixels=max_pixels) for named in images)
    return learn_content(pictures, tile=vlm.patch_size or UNKNOWN_PATCH, share=share)


def _make_all(plan: Plan, workspace: Workspace, report: Report) -> list[TriggerRecord]:
    records: list[TriggerRecord] = []
    for batch in plan.batches():
        kept = [workspace.record(trigger_id(index)) for index in batch]
        ready = [record for record in kept if record is not None]
        if len(ready) < len(batch):
            crafts = _make_batch(plan, batch, len(records), report)
            ready = [_save(plan, workspace, *crafts[index]) for index in batch]
        records += ready
    return records


def _make_batch(
    plan: Plan, batch: list[int], done: int, report: Report
) -> dict[int, tuple[Craft, int]]:
    """The best craft of every trigger of a batch, and how many attempts it took."""
    quality, best = plan.request.recipe.quality, dict[int, tuple[Craft, int]]()
    pending = batch
    for attempt in range(quality.attempts):
        drafts = [plan.draft(i, attempt, best[i][0] if i in best else None) for i in pending]
        crafts = _craft_all(plan, drafts, done, attempt, report)
        for index, made in zip(pending, crafts, strict=True):
            if index not in best or made.measured.z > best[index][0].measured.z:
                best[index] = made, attempt + 1
            best[index] = best[index][0], attempt + 1
        pending = [index for index in batch if best[index][0].is_weak(quality)]
        if not pending:
            break
    return best


def _craft_all(
    plan: Plan, drafts: list[Draft], done: int, attempt: int, report: Report
) -> list[Craft]:
    """Crafts drafts in groups of one extent; returns them in the order of the drafts."""
    request, made = plan.request, dict[str, Craft]()

    def step_done(working: int, step: int, loss: float) -> None:
        progress = MakingProgress(
            done=done + len(made),
            count=request.count,
            working=working,
            attempt=attempt + 1,
            step=step,
            steps=request.recipe.schedule.steps,
            loss=loss,
        )
        report(progress)

    for extent in dict.fromkeys(draft.base.size for draft in drafts):
        group = [draft for draft in drafts if draft.base.size == extent]
        for crafts in craft_fitting(
            plan.vlm,
            request.recipe,
            group,
            fitting=plan.fitting,
            generation=_generation(request.recipe),
            report=step_done,
            content=plan.content,
        ):
            made |= {craft.draft.id: craft for craft in crafts}
    return [made[draft.id] for draft in drafts]


def _save(plan: Plan, workspace: Workspace, made: Craft, attempts: int) -> TriggerRecord:
    """Saves both pictures, reads them back, and records the trigger."""
    recipe, draft = plan.request.recipe, made.draft
    files = workspace.write_images(draft.id, made.image, draft.base)
    if made.largest_change > recipe.schedule.epsilon:
        raise AssertionError(f"{draft.id}: {made.largest_change} exceeds the budget")
    count = made.measured.count
    record = TriggerRecord(
        id=draft.id,
        **files,
        source_image=draft.source_image,
        prompt=draft.prompt,
        generation=_generation(recipe),
        key_commitment=plan.keys.commitment(draft.id),
        quality=Quality(
            z=made.measured.z,
            base_z=made.base_measured.z,
            green_rate=count.green / max(1, count.scored),
            answer_tokens=made.measured.answer_tokens,
            largest_change=made.largest_change,
            attempts=attempts,
            weak=made.is_weak(recipe.quality),
        ),
    )
    workspace.write_record(record)
    return record


def _generation(recipe: Recipe) -> GenerationSettings:
    answer_tokens = green_list_objective(recipe).answer_tokens
    return GenerationSettings(max_new_tokens=answer_tokens + 32)


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
    if not isinstance(recipe.objective, SafdRecipe | GreenMassRecipe):
        raise UsageError(
            f"expected a recipe with the objective safd or green_mass, got {recipe.name} with "
            f"{recipe.objective.kind}, which carries no green list to verify; choose another "
            "recipe, such as sif"
        )
    return recipe.objective


def _weights(
    vlm: Vlm, request: Request, folder: Path, records: Sequence[TriggerRecord]
) -> Float[np.ndarray, " vocab"]:
    return word_weights(
        vlm,
        [read_image(folder / str(record.base_file)) for record in records],
        [record.prompt for record in records],
        generation=_generation(request.recipe),
        batch_size=request.batch_size,
    )


def _manifest(
    vlm: Vlm,
    request: Request,
    tokenizer: TokenizerDigests,
    weights: str,
    records: Sequence[TriggerRecord],
    keys: KeyRing,
) -> Manifest:
    return Manifest(
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        model=request.model,
        **tokenizer._asdict(),
        weights_sha256=weights,
        vocabulary_size=vlm.vocabulary_size,
        gamma=request.recipe.gamma,
        recipe=request.recipe,
        seed=request.seed,
        max_pixels=request.max_pixels or vlm.usual_pixels,
        anchor=None if keys.anchor is None else keys.anchor.hex(),
        triggers=tuple(records),
    )
