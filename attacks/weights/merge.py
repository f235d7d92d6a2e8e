"""Merging with another model of the same architecture, all weights of it, in three ways.

Tokenizer, configuration and precision stay those of the model attacked. Knows nothing of how the
other model came about: whether weights still mean the same in both is the thief's concern.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from sif.attacks.weights.attack import Facts, Progress, WeightAttack, Workbench
from sif.attacks.weights.provenance import digest_source
from sif.attacks.weights.task_vectors import cutoff, interpolate, merge_agreeing, trim
from sif.errors import UsageError
from sif.marks.tower_folder import load_any

Weights = Mapping[str, Tensor]


class Interpolate(WeightAttack):
    """Linear interpolation, as in model soups (Wortsman et al. 2022, arXiv:2203.05482).

    Attributes:
        other: folder or hub id of the other model.
        weight: its share; the model attacked keeps the rest.
    """

    name: ClassVar[str] = "merge-linear"

    other: str
    weight: float = Field(default=0.5, gt=0, lt=1)

    def apply(self, model: Any, processor: Any, bench: Workbench) -> Facts:
        """Merges in place."""
        other = _load_alike(self.other, model)

        def merge(name: str, ours: Tensor) -> Tensor:
            return interpolate(ours, _like(ours, other[name]), weight=self.weight)

        _rewrite(model, merge, bench, stage=self.name)
        return {"tensors": len(other), "other_digest": digest_source(self.other)}


class TaskArithmetic(WeightAttack):
    """Adds what two tunings changed to their base (Ilharco et al. 2023, arXiv:2212.04089).

    Attributes:
        other: folder or hub id of the other model.
        base: of the model that both were tuned from.
        weight: λ, the scale of both task vectors. The default is the one commonly taken where no
            data are there to choose it by.
    """

    name: ClassVar[str] = "merge-task"

    other: str
    base: str
    weight: float = Field(default=0.4, gt=0, allow_inf_nan=False)

    def apply(self, model: Any, processor: Any, bench: Workbench) -> Facts:
        """Merges in place."""
        other, base = _load_alike(self.other, model), _load_alike(self.base, model)

        def merge(name: str, ours: Tensor) -> Tensor:
            tasks = _tasks(ours, other[name], base[name])
            return _like(ours, base[name]) + self.weight * tasks.sum(dim=0)

        _rewrite(model, merge, bench, stage=self.name)
        return {"tensors": len(other)} | _digests(self.other, self.base)


class Ties(WeightAttack):
    """TIES: trim both task vectors, elect a sign, merge what has it.

    Yadav et al. 2023, arXiv:2306.01708; the defaults are the paper's for want of validation data.

    Attributes:
        other: folder or hub id of the other model.
        base: of the model that both were tuned from.
        weight: λ, the scale of the merged task vector.
        density: share of each task vector that is kept, its largest values over the whole model.
    """

    name: ClassVar[str] = "merge-ties"

    other: str
    base: str
    weight: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    density: float = Field(default=0.2, gt=0, le=1)

    def apply(self, model: Any, processor: Any, bench: Workbench) -> Facts:
        """Merges in place."""
        other, base = _load_alike(self.other, model), _load_alike(self.base, model)
        cutoffs = [
            cutoff(partial(_changes, tuned, base), density=self.density)
            for tuned in (dict(model.named_parameters()), other)
        ]

        def merge(name: str, ours: Tensor) -> Tensor:
            tasks = trim(_tasks(ours, other[name], base[name]), cutoffs)
            return _like(ours, base[name]) + self.weight * merge_agreeing(tasks)

        _rewrite(model, merge, bench, stage=self.name)
        facts = {"tensors": len(other), "cutoffs": list(cutoffs)}
        return facts | _digests(self.other, self.base)


def _load_alike(source: str, model: Any) -> Weights:
    """The weights of another model by name, on the CPU.

    Raises:
        UsageError: they are not those of the same architecture; names the first that differs.
        ModelError: the other model cannot be loaded.
    """
    guest = load_any(source)
    theirs, ours = dict(guest.named_parameters()), dict(model.named_parameters())
    for name in [*ours, *theirs]:
        here, there = (_shape(weights.get(name)) for weights in (ours, theirs))
        if here != there:
            raise UsageError(
                f"expected {source} to have the shapes of the model that it is merged with, but "
                f"{name} is {there} in its {type(guest).__name__} and {here} in the "
                f"{type(model).__name__} attacked; merge models of one architecture"
            )
    return {name: weight.detach() for name, weight in theirs.items()}


def _shape(weight: Tensor | None) -> str:
    return "missing" if weight is None else str(tuple(weight.shape))


def _rewrite(
    model: Any, merge: Callable[[str, Tensor], Tensor], bench: Workbench, *, stage: str
) -> None:
    """Puts what `merge` makes of a name and its weights in float32 in place of those weights."""
    weights = dict(model.named_parameters())
    with torch.no_grad():
        for step, (name, weight) in enumerate(weights.items(), start=1):
            weight.copy_(merge(name, weight.float()))
            bench.report(Progress(stage=stage, step=step, steps=len(weights)))


def _like(ours: Tensor, guest: Tensor) -> Tensor:
    return guest.to(ours.device, torch.float32)


def _tasks(ours: Tensor, other: Tensor, base: Tensor) -> Tensor:
    """Both task vectors, stacked."""
    return torch.stack([ours, _like(ours, other)]) - _like(ours, base)


def _changes(tuned: Weights, base: Weights) -> Iterator[Tensor]:
    for name, weight in tuned.items():
        yield weight.detach().float() - _like(weight, base[name])


def _digests(other: str, base: str) -> Facts:
    return {"other_digest": digest_source(other), "base_digest": digest_source(base)}
