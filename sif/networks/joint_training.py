"""Joint training of fingerprints and their verifier (MetaV, LiteGuard): the loop.

Every step draws copies and independent networks, asks them and the protected network the present
inputs, lightly changed, and moves inputs and verifier by the weighted loss. Held-out networks say
when to stop. Networks must let gradients through; the rest of SIF does not need that. Knows nothing
of files, of thresholds, or of how copies are made.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sif.errors import ModelError, UsageError
from sif.networks.domain import Domain, Fingerprints, Inputs, starting_inputs, transformed
from sif.networks.method import Method
from sif.networks.network import Network, answer
from sif.networks.reading import OutputKind, Reading, learn_reading
from sif.networks.verifier import Own, Readings, Verifier, build_verifier

CHECK_EVERY = 25
Report = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """Copies and independent networks, of training or held out.

    Attributes:
        positives: obfuscated copies of the protected network, checkpoints among them.
        negatives: networks that have nothing of it.
    """

    positives: Sequence[Network]
    negatives: Sequence[Network]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What training leaves.

    Attributes:
        inputs: the fingerprints, exactly as they are read back after storing.
        reading: of outputs.
        verifier: of readings.
        own: the protected network's reading of each fingerprint.
        steps: that the kept state had seen.
        held_out_loss: of the kept state; None where no network was held out.
    """

    inputs: Fingerprints
    reading: Reading
    verifier: Verifier
    own: Own
    steps: int
    held_out_loss: float | None

    def scores(self, networks: Sequence[Network]) -> list[float]:
        """Scores in [0, 1] of networks that answer with finite numbers."""
        with torch.no_grad():
            scores: list[float] = self.verifier.scores(self.readings(networks), self.own).tolist()
        return scores

    def readings(self, networks: Sequence[Network]) -> Readings:
        """What is read of such networks."""
        with torch.no_grad():
            return torch.stack([self.reading(network(self.inputs)) for network in networks])


def train_fingerprints(
    protected: Network,
    sides: Sides,
    method: Method,
    *,
    domain: Domain,
    ordinary: Inputs,
    kind: OutputKind,
    seed: int,
    held_out: Sides | None = None,
    report: Report = lambda step, steps, words: None,
) -> Trained:
    """Trains fingerprints and their verifier; the same for the same seed on one machine.

    Args:
        protected: the owner's network.
        sides: what to tell apart; at least one network on each side.
        method: how.
        domain: of the inputs.
        ordinary: inputs of the task, for the start and for the scale of readings.
        kind: what outputs are.
        seed: of everything that is drawn.
        held_out: other networks; the state with the least loss on them is kept, and training ends
            when `patience` steps brought none better.
        report: called now and then with the step, the number of steps, and words.

    Raises:
        UsageError: an empty side, too few ordinary inputs, or a method that trains nothing.
        ModelError: a network does not take the inputs, gives other shapes, numbers that are not
            finite, or no gradient.
    """
    if method.verifier == "contrast":
        raise UsageError("expected a method that trains, got contrast, which has references")
    outputs = _check(protected, sides, held_out, domain.check(ordinary, "ordinary inputs"))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        reading = learn_reading(protected(domain.store(ordinary)), kind, method.read)
    # Inputs are trained as places in the unit box, so that one rate fits features of any range.
    start = starting_inputs(method.start, method.fingerprints, domain, ordinary, generator)
    places = nn.Parameter(domain.places(start))
    verifier = build_verifier(
        method.verifier, fingerprints=len(places), numbers=outputs.numel(), seed=seed
    )
    run = _Run(protected, sides, method, domain, reading, generator)
    keeper = _Keeper(run, held_out, method.patience)
    optimiser = torch.optim.Adam(
        [
            {"params": [places], "lr": method.input_rate},
            {"params": list(verifier.parameters()), "lr": method.verifier_rate},
        ]
    )
    for step in range(1, method.iterations + 1):
        optimiser.zero_grad(set_to_none=True)
        loss = run.loss(domain.at(places), verifier)
        loss.backward()
        if places.grad is None:
            raise ModelError(
                "expected networks that let gradients through, got none; load weights with "
                "torch:FILE or hf:FOLDER"
            )
        optimiser.step()
        with torch.no_grad():
            places.clamp_(0, 1)
        if step % CHECK_EVERY == 0 or step == method.iterations:
            report(step, method.iterations, f"loss {loss.item():.3f}")
            if keeper.done(step, domain.at(places), verifier):
                break
    return keeper.best()


def _check(
    protected: Network, sides: Sides, held_out: Sides | None, ordinary: Inputs
) -> torch.Size:
    """That there is something to tell apart, and that everybody answers alike."""
    for name, side in (("positives", sides.positives), ("negatives", sides.negatives)):
        if not side:
            raise UsageError(f"expected at least one network among the {name}, got none")
    with torch.no_grad():
        outputs = protected(ordinary[:2]).shape[1:]
    groups = {"the protected network": [protected]}
    for what, some in (("", sides), ("held-out ", held_out)):
        if some is not None:
            groups |= {f"a {what}positive": list(some.positives)}
            groups |= {f"a {what}negative": list(some.negatives)}
    for name, networks in groups.items():
        for network in networks:
            said = answer(network, ordinary[:2], outputs=tuple(outputs), name=name)
            if not torch.isfinite(said).all():
                raise ModelError(f"{name} answers ordinary inputs with numbers that are not finite")
    return outputs


@dataclass(frozen=True, slots=True)
class _Run:
    protected: Network
    sides: Sides
    method: Method
    domain: Domain
    reading: Reading
    generator: torch.Generator

    def loss(self, inputs: Inputs, verifier: Verifier) -> Float[Tensor, ""]:
        """Weighted cross-entropy on the protected network and on those drawn for this step."""
        method = self.method
        asked = transformed(
            inputs,
            self.domain,
            jitter=method.jitter,
            shift=method.shift,
            generator=self.generator,
        )
        copies = self._draw(self.sides.positives)
        others = self._draw(self.sides.negatives)
        networks = [self.protected, *copies, *others]
        said = torch.stack([self.reading(network(asked)) for network in networks])
        labels = torch.tensor([1.0] * (1 + len(copies)) + [0.0] * len(others))
        weights = torch.tensor(
            [method.protected_weight]
            + [method.positive_weight / len(copies)] * len(copies)
            + [method.negative_weight / len(others)] * len(others)
        )
        return (weights * verifier.losses(said, said[0], labels)).sum()

    def _draw(self, networks: Sequence[Network]) -> list[Network]:
        places = torch.randperm(len(networks), generator=self.generator)[: self.method.drawn]
        return [networks[place] for place in places.tolist()]


class _Keeper:
    """Keeps the state that does best on the held-out networks, or the last one without any."""

    def __init__(self, run: _Run, held_out: Sides | None, patience: int) -> None:
        some = held_out is not None and held_out.positives and held_out.negatives
        self._run, self._held_out = run, held_out if some else None
        self._patience = patience
        self._best: Trained | None = None

    def done(self, step: int, inputs: Inputs, verifier: Verifier) -> bool:
        """Looks at a state; whether patience has run out."""
        asked = self._run.domain.store(inputs.detach())
        with torch.no_grad():
            own = self._run.reading(self._run.protected(asked))
        loss = self._loss(asked, own, verifier)
        best = self._best
        if best is None or loss is None or (best.held_out_loss or 0.0) > loss:
            self._best = Trained(
                inputs=asked,
                reading=self._run.reading,
                verifier=_frozen(verifier),
                own=own,
                steps=step,
                held_out_loss=loss,
            )
            return False
        return step - best.steps >= self._patience

    def best(self) -> Trained:
        """The state that was kept."""
        assert self._best is not None
        return self._best

    @torch.no_grad()
    def _loss(self, asked: Inputs, own: Own, verifier: Verifier) -> float | None:
        if self._held_out is None:
            return None
        sides = self._held_out
        parts = []
        for networks, label in ((sides.positives, 1.0), (sides.negatives, 0.0)):
            said = torch.stack([self._run.reading(network(asked)) for network in networks])
            labels = torch.full((len(networks),), label)
            parts.append(verifier.losses(said, own, labels).mean())
        return float(torch.stack(parts).mean())


def _frozen(verifier: Verifier) -> Verifier:
    return copy.deepcopy(verifier).eval().requires_grad_(False)
