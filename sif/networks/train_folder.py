"""From a configuration to a fingerprint folder, for `sif metav train`.

1. The protected network and the data are read. 2. Copies and independent networks are loaded or
made. 3. Some of both are set aside to say when to stop. 4. Inputs and verifier are trained. 5. The
threshold is chosen on independent networks that had no part so far. 6. The folder is written, and
beside it how the copies and the others of steps 3 and 5 score.

For `contrast`, steps 3 to 5 are others: the same copies are made of every independent network, and
what all of them say to the inputs is kept.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from torch import nn

from sif.errors import UsageError
from sif.files import claim_folder, write_atomically
from sif.networks.config import Claims, Independent, TrainConfig, read_data
from sif.networks.connect import connect_network
from sif.networks.contrast import Family, contrast_fingerprints
from sif.networks.curve import aruc, auc, draw_curve
from sif.networks.fingerprint import NetworkFingerprint, make_fingerprint
from sif.networks.fitting import require_fit
from sif.networks.joint_training import Sides, Trained, train_fingerprints
from sif.networks.manifest import NetworkCounts
from sif.networks.network import Network
from sif.networks.thefts.dataset import Dataset
from sif.networks.thefts.obfuscation import afresh
from sif.networks.workshop import CHECKPOINTS, Workshop
from sif.vlm.plain_words import shown

# Stage, done, total, a few words.
Show = Callable[[str, float, float, str], None]
MARK = "metav.txt"
# Seeds of what is made for one purpose never meet those of another.
COPIES, OTHERS, CLAIMS = 10_000, 20_000, 30_000


class _Groups(NamedTuple):
    """Networks by purpose; every entry is one network with its checkpoints behind it."""

    copies: list[list[nn.Module]]
    others: list[list[nn.Module]]
    claims: list[list[nn.Module]]


class _Made(NamedTuple):
    """What a way to make fingerprints leaves.

    Attributes:
        trained: inputs and verifier.
        held_out: networks to choose a threshold on; none where ranks decide.
        copies: that were not trained on.
        counts: of the networks that had a part.
    """

    trained: Trained
    held_out: Sequence[Network]
    copies: Sequence[Network]
    counts: NetworkCounts


@dataclass(kw_only=True)
class _Order:
    """The networks that a configuration orders: made now, or found where they were made before.

    Attributes:
        config: what to do.
        protected: the owner's network.
        data: what networks learn from.
        workshop: makes and keeps networks.
        show: is told of progress.
        total: networks that will be made.
        done: of those.
    """

    config: TrainConfig
    protected: nn.Module
    data: Dataset
    workshop: Workshop
    show: Show
    total: int = 0
    done: int = 0

    def copies_of(self, network: nn.Module) -> list[list[nn.Module]]:
        """Every theft, carried out on a network."""
        found, ordered = [], self.config.copies
        for number, theft in enumerate(ordered.made):
            for again in range(ordered.seeds):
                seed = self.config.seed + COPIES + 100 * number + again
                found.append(self.workshop.stolen(network, theft, self.data, seed).networks)
                self._tell(theft.name)
        return found

    def independent(
        self, side: Independent, purpose: int, keep: Sequence[float] = ()
    ) -> list[list[nn.Module]]:
        """Networks of the protected one's architecture, with their checkpoints behind each.

        Args:
            side: how many, and how they are trained.
            purpose: first of the seeds that are kept apart for it.
            keep: shares of the training at which checkpoints are kept.
        """
        found = []
        first = self.config.seed + purpose
        for seed in range(first, first + side.made):
            begin = partial(afresh, self.protected, seed=seed)
            made = self.workshop.trained(begin, self.data, side.training, seed, checkpoints=keep)
            found.append(made.networks)
            self._tell("independent")
        return found

    def _tell(self, words: str) -> None:
        self.done += 1
        self.show("networks", self.done, self.total, words)


def train_folder(config: TrainConfig, out: Path, *, show: Show) -> NetworkFingerprint:
    """Trains and writes a fingerprint; what was made before a kill is found again.

    Args:
        config: what to do.
        out: a new folder, or an earlier one of the same command.
        show: is told of progress.

    Raises:
        UsageError: too few networks on a side, or data that do not fit.
        ModelError: a network cannot be loaded, or does not fit the protected one.
        StorageError: the folder holds something else, or the disk refuses.
    """
    data = read_data(config)
    protected = _module(config.protected, config, data)
    claim_folder(out, mark=MARK, words="Written by `sif metav train`; run it again to go on.\n")
    order = _Order(
        config=config, protected=protected, data=data, workshop=Workshop(out / "work"), show=show
    )
    made = _contrast(order) if config.settings.verifier == "contrast" else _train(order)
    fingerprint = make_fingerprint(
        made.trained,
        protected,
        made.held_out,
        task=config.task,
        domain=config.inputs,
        method=config.settings,
        seed=config.seed,
        counts=made.counts,
        rate=config.threshold.false_positive_rate,
    )
    fingerprint.save(out)
    if made.held_out:
        _write_curve(fingerprint, made.trained.scores([protected, *made.copies]), out)
    return fingerprint


def _train(order: _Order) -> _Made:
    """Inputs and verifier trained together."""
    config = order.config
    groups = _gather(order)
    training, stopping = _set_aside(groups, config.stopping)
    trained = train_fingerprints(
        order.protected,
        training,
        config.settings,
        domain=config.inputs,
        ordinary=order.data.inputs,
        kind=config.outputs,
        seed=config.seed,
        held_out=stopping,
        report=lambda step, steps, words: order.show("fingerprints", step, steps, words),
    )
    counts = NetworkCounts(
        positives=len(training.positives),
        negatives=len(training.negatives),
        stopping_positives=len(stopping.positives),
        stopping_negatives=len(stopping.negatives),
    )
    return _Made(trained, [entry[0] for entry in groups.claims], stopping.positives, counts)


def _contrast(order: _Order) -> _Made:
    """References instead of training."""
    config = order.config
    _check_contrast(config)
    heads = [
        order.protected,
        *(_module(one, config, order.data) for one in config.independent.networks),
    ]
    order.total = config.independent.made + len(config.copies.made) * config.copies.seeds * (
        len(heads) + config.independent.made
    )
    heads += [entry[0] for entry in order.independent(config.independent, OTHERS)]
    _require(heads[1:], "independent")
    families = [Family(head, [copy[0] for copy in order.copies_of(head)]) for head in heads]
    trained = contrast_fingerprints(
        families[0],
        families[1:],
        config.settings,
        domain=config.inputs,
        ordinary=order.data.inputs,
        kind=config.outputs,
        seed=config.seed,
    )
    each = len(families[0].copies)
    counts = NetworkCounts(
        positives=each,
        negatives=(1 + each) * (len(families) - 1),
        stopping_positives=0,
        stopping_negatives=0,
    )
    return _Made(trained, [], [], counts)


def _check_contrast(config: TrainConfig) -> None:
    if config.copies.networks:
        raise UsageError(
            "copies: expected none that are there, for every reference must get the same as the "
            "protected network; write them under made"
        )
    if config.threshold.networks or config.threshold.made:
        raise UsageError(
            "threshold: expected false_positive_rate alone, for contrast ranks a suspect among its "
            "references; add the networks to independent"
        )


def _gather(order: _Order) -> _Groups:
    config = order.config
    sides = (config.independent, config.threshold)
    order.total = len(config.copies.made) * config.copies.seeds + sum(side.made for side in sides)
    data = order.data
    copies: list[list[nn.Module]] = [
        [_module(address, config, data)] for address in config.copies.networks
    ]
    copies += order.copies_of(order.protected)
    groups = []
    for side, purpose in zip(sides, (OTHERS, CLAIMS), strict=True):
        entries: list[list[nn.Module]] = [
            [_module(address, config, data)] for address in side.networks
        ]
        keep = () if isinstance(side, Claims) else CHECKPOINTS
        groups.append(entries + order.independent(side, purpose, keep))
    _require(copies, "copies")
    _require(groups[0], "independent")
    _require(groups[1], "threshold")
    return _Groups(copies, *groups)


def _require(entries: Sequence[object], name: str) -> None:
    if not entries:
        raise UsageError(
            f"{name}: expected networks, or a number or list of networks to be made, got none"
        )


def _module(address: str, config: TrainConfig, data: Dataset) -> nn.Module:
    """A network that lets gradients through, and takes and gives what the configuration says.

    Raises:
        UsageError: it is none of those, or gives something else.
        ModelError: it cannot be loaded, or does not take the inputs.
    """
    network = connect_network(address).network
    if not isinstance(network, nn.Module):
        raise UsageError(
            f"expected torch:FILE or hf:FOLDER for training, which needs gradients, got "
            f"{shown(address)}"
        )
    require_fit(network, data, config, name=address)
    return network


def _set_aside(groups: _Groups, share: float) -> tuple[Sides, Sides]:
    """Both sides for training, and for stopping; a network's checkpoints stay with it."""
    parts = []
    for entries in (groups.copies, groups.others):
        aside = round(share * len(entries)) if len(entries) > 1 else 0
        # Spread over the list, so that different thefts are set aside.
        chosen = {int((place + 0.5) * len(entries) / aside) for place in range(aside)}
        kept = [entry for place, entry in enumerate(entries) if place not in chosen]
        parts.append((kept, [entries[place] for place in sorted(chosen)]))
    (copies, copies_aside), (others, others_aside) = parts

    def flat(entries: list[list[nn.Module]]) -> list[Network]:
        return [network for entry in entries for network in entry]

    training = Sides(positives=flat(copies), negatives=flat(others))
    stopping = Sides(
        positives=[entry[0] for entry in copies_aside],
        negatives=[entry[0] for entry in others_aside],
    )
    return training, stopping


def _write_curve(fingerprint: NetworkFingerprint, positives: list[float], out: Path) -> None:
    """How the protected network and the copies set aside part from the threshold's networks."""
    negatives = list(fingerprint.manifest.held_out_scores)
    assert fingerprint.manifest.threshold is not None  # it was chosen on those
    threshold = fingerprint.manifest.threshold.value
    numbers = {
        "schema_version": 1,
        "positives": positives,
        "negatives": negatives,
        "threshold": threshold,
        "aruc": aruc(positives, negatives),
        "auc": auc(positives, negatives),
    }
    write_atomically(out / "curve.json", json.dumps(numbers, indent=2))
    write_atomically(out / "curve.svg", draw_curve(positives, negatives, threshold=threshold))
