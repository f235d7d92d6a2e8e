"""One part of a study's work: the triggers of one method and set of keys, and what they cost.

Kept in a folder and found again; an interrupted making goes on, and the source is loaded only where
triggers are missing. Knows nothing of suspects.
"""

import gc
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, ValidationError

from sif.errors import StorageError, UsageError
from sif.eval.study import Workplace
from sif.eval.triggers.baseline import answer_list, is_baseline, make_baseline
from sif.eval.triggers.instructional import mark_model
from sif.eval.triggers.keyed import keyed_pairs
from sif.eval.triggers.meter import metered, peak_bytes
from sif.eval.triggers.method import Method, parse_methods
from sif.eval.triggers.plan import batch_of
from sif.eval.triggers.proflingo import make_prefixes
from sif.eval.triggers.roster import Listed, Roster
from sif.eval.triggers.rows import Cost
from sif.eval.triggers.textual_recipe import (
    MethodRecipe,
    PairsRecipe,
    PrefixRecipe,
    triggers_of,
)
from sif.eval.triggers.trigger_set import TriggerSet, load_set
from sif.eval.triggers.utility import facts_right
from sif.files import write_atomically
from sif.fingerprint.make import make_fingerprint
from sif.fingerprint.making import MakingProgress
from sif.fingerprint.plan import content_of
from sif.fingerprint.recipe import Recipe
from sif.pictures.folder import NamedImage
from sif.prompts import Pair
from sif.scale.crew import Show
from sif.suspects.weights import weights_digest
from sif.vlm.model import Vlm


class Request(BaseModel):
    """All that decides the triggers of a method, but for the keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    weights: str | None
    recipe: MethodRecipe
    images: str
    prompts: tuple[str, ...]
    triggers: int
    seed: int
    batch_size: int
    dtype: str = "auto"


class Made(BaseModel):
    """NAME-SEED.json, written when the triggers are finished: what was made, and its cost."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[3] = 3
    request: Request
    cost: Cost


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """The triggers of one method and set of keys, on the source of one roster.

    Attributes:
        out: the study's folder.
        roster: whose source they are made on.
        method: that makes them.
        seed: of the keys, and of everything random.
        count: number of triggers.
        batch_size: triggers optimised together, where the method allows it.
        jobs: processes that work side by side.
        device: that they are made on.
    """

    out: Path
    roster: Roster
    method: Method
    seed: int
    count: int
    batch_size: int
    jobs: int = 1
    device: str = "auto"

    @property
    def name(self) -> str:
        """Of the folder and in the progress."""
        return f"{self.method.name}-{self.seed}"

    @property
    def folder(self) -> Path:
        """Of the triggers."""
        kind = "baselines" if wants_answers(self.method.recipe) else "fingerprints"
        return self.roster.folder(self.out) / kind / self.name

    def mark_of(self, listed: Listed) -> str | None:
        """Name of the marked source that a suspect is or was made from; none for a plain one."""
        marks = isinstance(self.method.recipe, PairsRecipe) and listed.role != "innocent"
        return self.name if marks else None

    def roster_of(self, listed: Listed) -> Roster:
        """Where a suspect is found: with the marked source where the method marks it."""
        mark = self.mark_of(listed)
        return self.roster if mark is None else self.roster.marked(mark)

    def run(self, show: Show) -> Cost:
        """Makes what is missing.

        Raises:
            StorageError: the folder was begun with other settings, or the disk refuses.
            FingerprintError: so were triggers that are not finished.
            ModelError: the source cannot be loaded, or does not pass the probe.
        """
        record = self.folder.parent / f"{self.name}.json"
        source = self.roster.source(self.out, show)
        images = self.roster.pictures(self.count, self.seed)
        request = self._request(source, images)
        if record.exists():
            return _kept(record, request)
        load = Vlm.load if isinstance(request.recipe, PairsRecipe) else _loaded
        vlm = load(source, device=self.device, dtype=self.roster.dtype)
        interrupted, before = self.folder.exists(), self._facts(vlm)
        for device in vlm.devices:
            if device.type == "cuda":
                torch.cuda.reset_peak_memory_stats(device)
        with metered(vlm) as meter:
            self._make(vlm, images, request, show)
        measured: dict[str, int | float | None] = {}
        if not interrupted:
            measured |= meter.each(self.count)
        if before is not None:
            vlm = Vlm.load(self._published(show), device=self.device, dtype=self.roster.dtype)
            measured |= {"facts_before": before, "facts_after": self._facts(vlm)}
        cost = self._cost(vlm, measured, request.batch_size)
        made = Made(request=request, cost=cost)
        write_atomically(record, made.model_dump_json(indent=2))
        return cost

    def load(self) -> TriggerSet:
        """What was made."""
        recipe = self.method.recipe
        if isinstance(recipe, PrefixRecipe | PairsRecipe):
            return load_set(self.folder, baseline=False, textual=True)
        return load_set(self.folder, baseline=is_baseline(recipe))

    def _published(self, show: Show) -> str:
        """Folder of the source that the method marks."""
        return self.roster.marked(self.name).source(self.out, show)

    def _facts(self, vlm: Vlm) -> float | None:
        """What a source says rightly; none where its weights stay as they are."""
        if not isinstance(self.method.recipe, PairsRecipe):
            return None
        return facts_right(vlm, self.roster, self.seed)

    def _request(self, source: str, images: Sequence[NamedImage]) -> Request:
        return Request(
            source=Path(source).name if Path(source).is_dir() else source,
            weights=weights_digest(source),
            recipe=self.method.recipe,
            images=_digest(images),
            prompts=tuple(self.roster.prompts),
            triggers=self.count,
            seed=self.seed,
            batch_size=batch_of(self.method.recipe, count=self.count, batch_size=self.batch_size),
            dtype=self.roster.dtype,
        )

    def _make(self, vlm: Vlm, images: Sequence[NamedImage], request: Request, show: Show) -> None:
        def report(progress: MakingProgress) -> None:
            words = f"attempt {progress.attempt}, loss {progress.loss:.2f}"
            done = progress.done + progress.part
            show(f"{self.roster.name}: {self.name}", done, progress.count, words)

        match request.recipe:
            case PrefixRecipe() as recipe:
                pairs = self.roster.pairs
                make_prefixes(
                    vlm,
                    recipe=recipe,
                    out=self.folder,
                    pairs=[pairs[number % len(pairs)] for number in range(self.count)],
                    seed=self.seed,
                    report=report,
                )
            case PairsRecipe() as recipe:
                mark_model(
                    vlm,
                    recipe=recipe,
                    out=self.folder,
                    published=Path(self._published(show)),
                    keys=self.roster.keys(self.out, self.seed),
                    count=self.count,
                    seed=self.seed,
                    report=report,
                )
            case recipe if is_baseline(recipe):
                make_baseline(
                    vlm,
                    images[: self.count],
                    recipe=recipe,
                    out=self.folder,
                    pairs=self._pairs(recipe),
                    seed=self.seed,
                    batch_size=request.batch_size,
                    content=content_of(vlm, images, recipe),
                    report=report,
                )
            case recipe:
                make_fingerprint(
                    vlm,
                    images,
                    recipe=recipe,
                    out=self.folder,
                    prompts=request.prompts,
                    count=self.count,
                    keys=self.roster.keys(self.out, self.seed),
                    seed=self.seed,
                    batch_size=request.batch_size,
                    report=report,
                )

    def _pairs(self, recipe: Recipe) -> tuple[Pair, ...]:
        """Questions and wanted answers: those that the key draws, or the roster's own."""
        answers = answer_list(recipe)
        if answers is None:
            return self.roster.pairs
        keys = self.roster.keys(self.out, self.seed)
        return keyed_pairs(answers, prompts=self.roster.prompts, keys=keys, count=self.count)

    def _cost(self, vlm: Vlm, measured: Mapping[str, int | float | None], batch_size: int) -> Cost:
        return Cost.model_validate(
            {
                "family": self.roster.name,
                "method": self.method.name,
                "seed": self.seed,
                "triggers": self.count,
                **measured,
                "peak_bytes": peak_bytes(vlm.devices),
                "device": vlm.device.type,
                "threads": torch.get_num_threads(),
                "jobs": self.jobs,
                "batch_size": batch_size,
                "weak": self.load().weak,
            }
        )


def makings_of(
    roster: Roster,
    place: Workplace,
    methods: Sequence[Method],
    *,
    seeds: Sequence[int],
    count: int,
    batch_size: int | None = None,
    device: str = "auto",
) -> tuple[Making, ...]:
    """One for each method and set of keys, on a roster's source; the rest is as `Making` says."""
    return tuple(
        Making(
            out=place.out,
            roster=roster,
            method=method,
            seed=seed,
            count=triggers_of(method.recipe, count),
            batch_size=batch_size or roster.usual.batch_size,
            jobs=place.jobs,
            device=device,
        )
        for method in methods
        for seed in seeds
    )


def green_methods(texts: Sequence[str]) -> tuple[Method, ...]:
    """Methods with green lists.

    Raises:
        UsageError: none, an unknown one, or one whose answers cannot be counted.
    """
    methods = parse_methods(tuple(texts))
    for method in methods:
        if wants_answers(method.recipe):
            raise UsageError(
                f"expected methods with green lists, whose answers can be counted, got "
                f"{method.name}; sif is one"
            )
    return methods


def wants_answers(recipe: MethodRecipe) -> bool:
    """Whether a method wants answers instead of green words."""
    return isinstance(recipe, PrefixRecipe | PairsRecipe) or is_baseline(recipe)


def load_all(makings: Sequence[Making]) -> list[tuple[Making, TriggerSet]]:
    """What was made in several makings."""
    return [(making, making.load()) for making in makings]


@lru_cache(maxsize=1)
def _loaded(source: str, device: str, dtype: str) -> Vlm:
    """Once for all methods, as loading a large model takes minutes."""
    return Vlm.load(source, device=device, dtype=dtype)


def let_go() -> None:
    """Lets go of the source, before the first suspect is loaded."""
    _loaded.cache_clear()
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _kept(path: Path, request: Request) -> Cost:
    """What finished triggers cost, if they are those that are wanted now."""
    try:
        made = Made.model_validate_json(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, ValidationError) as error:
        raise StorageError(
            f"expected a record of cost of version 3 in {path}, got something else; use a new "
            "folder"
        ) from error
    for field in Request.model_fields:
        if getattr(made.request, field) != getattr(request, field):
            raise StorageError(
                f"expected the settings that {path.stem} was begun with in {path.parent}, "
                f"got another {field}; use the same ones or another folder"
            )
    return made.cost


def _digest(images: Sequence[NamedImage]) -> str:
    digest = hashlib.sha256()
    for named in images:
        picture = named.image.convert("RGB")
        digest.update(f"{named.name}|{picture.size}|".encode())
        digest.update(picture.tobytes())
    return digest.hexdigest()
