"""From a configuration to a fingerprint folder, for `sif metav train`.

1. The protected network and the data are read. 2. Copies and independent networks are loaded or
made. 3. Some of both are set aside to say when to stop. 4. Inputs and verifier are trained. 5. The
threshold is chosen on independent networks that had no part so far. 6. The folder is written, and
beside it how the copies and the others of steps 3 and 5 score.

For `contrast`, steps 3 to 5 are others: the same copies are made of every independent network, and
what all of them say to the inputs is kept.
"""

import json
from collections.abc import Sequence
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

from torch import nn

from sif.errors import UsageError
from sif.files import claim_folder, write_atomically
from sif.networks.config import Claims, TrainConfig, read_data
from sif.networks.connect import connect_network
from sif.networks.contrast import Family, contrast_fingerprints
from sif.networks.curve import aruc, auc, draw_curve
from sif.networks.fingerprint import NetworkFingerprint, make_fingerprint
from sif.networks.fitting import require_fit
from sif.networks.joint_training import Sides, Trained, train_fingerprints
from sif.networks.manifest import NetworkCounts
from sif.networks.network import Network
from sif.networks.supply import Supply
from sif.networks.thefts.dataset import Dataset
from sif.networks.workshop import CHECKPOINTS, Workshop
from sif.scale.crew import Show
from sif.scale.threads import computing_with
from sif.scale.workforce import Workforce
from sif.vlm.plain_words import shown

MARK = "metav.txt"
# Seeds of what is made for one purpose never meet those of another, nor those of copies.
OTHERS, CLAIMS = 20_000, 30_000


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


def train_folder(
    config: TrainConfig, out: Path, *, show: Show, workforce: Workforce | None = None
) -> NetworkFingerprint:
    """Trains and writes a fingerprint; what was made before a kill is found again.

    Args:
        config: what to do.
        out: a new folder, or an earlier one of the same command.
        show: is told of progress.
        workforce: who makes networks; this process where None. What follows is one training, which
            is not cut.

    Raises:
        UsageError: too few networks on a side, or data that do not fit.
        ModelError: a network cannot be loaded, or does not fit the protected one.
        StorageError: the folder holds something else, or the disk refuses.
    """
    force = workforce or Workforce()
    with computing_with(force.threads):
        return _train_folder(config, out, show, force)


def _train_folder(
    config: TrainConfig, out: Path, show: Show, workforce: Workforce
) -> NetworkFingerprint:
    data = read_data(config.data, config.inputs)
    protected = _module(config.protected, config, data)
    claim_folder(out, mark=MARK, words="Written by `sif metav train`; run it again to go on.\n")
    supply = Supply(
        config=config,
        protected=protected,
        data=data,
        workshop=Workshop(out / "work"),
        workforce=workforce,
        show=show,
    )
    made = _contrast(supply) if config.settings.verifier == "contrast" else _train(supply)
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


def _train(supply: Supply) -> _Made:
    """Inputs and verifier trained together."""
    config = supply.config
    groups = _gather(supply)
    training, stopping = _set_aside(groups, config.stopping)
    trained = train_fingerprints(
        supply.protected,
        training,
        config.settings,
        domain=config.inputs,
        ordinary=supply.data.inputs,
        kind=config.outputs,
        seed=config.seed,
        held_out=stopping,
        report=lambda step, steps, words: supply.show("fingerprints", step, steps, words),
    )
    counts = NetworkCounts(
        positives=len(training.positives),
        negatives=len(training.negatives),
        stopping_positives=len(stopping.positives),
        stopping_negatives=len(stopping.negatives),
    )
    return _Made(trained, [entry[0] for entry in groups.claims], stopping.positives, counts)


def _contrast(supply: Supply) -> _Made:
    """References instead of training."""
    config = supply.config
    _check_contrast(config)
    heads = [
        supply.own(),
        *(supply.named(it, _module(it, config, supply.data)) for it in config.independent.networks),
    ]
    supply.total = config.independent.made + len(config.copies.made) * config.copies.seeds * (
        len(heads) + config.independent.made
    )
    made = supply.carry_out(supply.independent(config.independent, OTHERS))
    heads += [supply.made(entry[0]) for entry in made]
    _require(heads[1:], "independent")
    copies = [entry[0] for entry in supply.carry_out(supply.thefts(heads))]
    each = len(copies) // len(heads)
    families = [
        Family(head.network, copies[place * each : (place + 1) * each])
        for place, head in enumerate(heads)
    ]
    trained = contrast_fingerprints(
        families[0],
        families[1:],
        config.settings,
        domain=config.inputs,
        ordinary=supply.data.inputs,
        kind=config.outputs,
        seed=config.seed,
    )
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


def _gather(supply: Supply) -> _Groups:
    config = supply.config
    sides = (config.independent, config.threshold)
    supply.total = len(config.copies.made) * config.copies.seeds + sum(side.made for side in sides)
    data = supply.data
    copies: list[list[nn.Module]] = [
        [_module(address, config, data)] for address in config.copies.networks
    ]
    there = [[[_module(address, config, data)] for address in side.networks] for side in sides]
    thefts = supply.thefts([supply.own()])
    trainings = [
        supply.independent(side, purpose, () if isinstance(side, Claims) else CHECKPOINTS)
        for side, purpose in zip(sides, (OTHERS, CLAIMS), strict=True)
    ]
    made = iter(supply.carry_out([*thefts, *chain(*trainings)]))  # at once, so that all are busy
    copies += islice(made, len(thefts))
    groups = [
        [*before, *islice(made, len(some))] for before, some in zip(there, trainings, strict=True)
    ]
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
