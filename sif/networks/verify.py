"""Is a suspect a copy? Its answers to the fingerprints, score, p-value, verdict.

Verifying is asking a suspect and deciding by the owner's fingerprint, inputs and verifier.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple

import torch
from pydantic import BaseModel, ConfigDict
from torch import nn

from sif.errors import FingerprintError, ModelError, SuspectError
from sif.files import write_atomically
from sif.networks.connect import connect_network
from sif.networks.fingerprint import NetworkFingerprint
from sif.networks.network import Network, Outputs, answer
from sif.networks.output_journal import OutputJournal
from sif.networks.placing import Task
from sif.networks.scale import Scale, scaled
from sif.networks.threshold import RankRule, Threshold, conformal_p_value
from sif.networks.weights import digest_network
from sif.types import Decision

BATCH: Final = 16
NOT_FINITE: Final = "answers hold numbers that are not finite"
JOURNAL, VERDICTS = "outputs.sqlite", "verdicts.json"


class NetworkVerdict(BaseModel):
    """A verdict on one suspect.

    Attributes:
        schema_version: of this file.
        suspect: its address.
        task: of the fingerprint.
        protected: SHA-256 of the protected network's weights.
        decision: "derived" where the score exceeds the threshold, or the p-value of a rank is
            small enough; "inconclusive" where the suspect did not answer every fingerprint with
            finite numbers.
        score: in [0, 1]; None where inconclusive.
        threshold: that decides; None where a rank does.
        p_value: conformal, among the held-out independent networks, or of the rank among the
            references; None where inconclusive.
        wanted_rate: false-positive rate that was asked for.
        rate_high: upper end of the 95% interval of the threshold's rate; of ranks, their rate.
        asked: fingerprints.
        answered: those with finite numbers.
        reason: in words.
        outputs: the scale on which the suspect gave them; None in verdicts of before.
        notes: what was done to inputs and outputs so that they can be compared, in words.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    suspect: str
    task: str
    protected: str
    decision: Decision
    score: float | None
    threshold: float | None
    p_value: float | None
    wanted_rate: float
    rate_high: float
    asked: int
    answered: int
    reason: str
    outputs: Scale | None = None
    notes: tuple[str, ...] = ()


def verify_suspects(
    fingerprint: NetworkFingerprint,
    suspects: Sequence[str],
    *,
    run: Path | None = None,
    protected: str | None = None,
) -> list[NetworkVerdict]:
    """Connects suspects and asks them, one after the other.

    Args:
        fingerprint: the owner's.
        suspects: their addresses.
        run: a folder for the verdicts, and for what endpoints answer, so that nothing is asked
            twice; none to write nothing.
        protected: address of the owner's network, which the fingerprint must be of; none to trust
            that.

    Raises:
        UsageError: an address is wrong as written.
        ModelError: nothing there that can be loaded, or networks of other shapes.
        FingerprintError: it is of another protected network.
        SuspectError: an endpoint fails; what it answered before is kept in `run`.
        StorageError: the disk refuses.
    """
    if protected is not None:
        require_protected(fingerprint, connect_network(protected).network, name=protected)
    task = Task(fingerprint.manifest.domain, fingerprint.manifest.outputs)
    journal = None if run is None else OutputJournal(run / JOURNAL)
    try:
        verdicts = [
            verify_network(
                fingerprint,
                connected.network,
                name=connected.name,
                journal=journal if connected.remote else None,
                scale=connected.scale,
            )
            for connected in (connect_network(address, task) for address in suspects)
        ]
    finally:
        if journal is not None:
            journal.close()
    if run is not None:
        write_atomically(run / VERDICTS, as_json(verdicts))
    return verdicts


def as_json(verdicts: Sequence[NetworkVerdict]) -> str:
    """Verdicts as a list in JSON."""
    return json.dumps([verdict.model_dump(mode="json") for verdict in verdicts], indent=2)


def verify_network(
    fingerprint: NetworkFingerprint,
    network: Network,
    *,
    name: str,
    journal: OutputJournal | None = None,
    scale: Scale | None = None,
) -> NetworkVerdict:
    """Asks a suspect all fingerprints and judges its answers.

    Args:
        fingerprint: the owner's.
        network: the suspect.
        name: its address, under which the journal keeps its outputs.
        journal: outputs that are there are not asked again, and new ones are kept batch by batch.
        scale: of the suspect's outputs, where it is known; what they show where None.

    Raises:
        UsageError: a scale that the fingerprint's outputs do not have.
        ModelError: the suspect's inputs or outputs have other shapes.
        SuspectError: an endpoint fails; what it answered before is in the journal.
    """
    outputs = ask(fingerprint, network, name=name, journal=journal)
    verdict = judge(fingerprint, outputs, name=name, scale=scale)
    notes = (*getattr(network, "notes", ()), *verdict.notes)
    return verdict.model_copy(update={"notes": notes})


def ask(
    fingerprint: NetworkFingerprint, network: Network, *, name: str, journal: OutputJournal | None
) -> Outputs:
    """What a suspect says to the fingerprints, asked in small batches."""
    inputs, shape = fingerprint.inputs, fingerprint.manifest.outputs
    before = {} if journal is None else journal.known(name, list(inputs))
    known = {place: said for place, said in before.items() if tuple(said.shape) == shape}
    missing = [place for place in range(len(inputs)) if place not in known]
    for start in range(0, len(missing), BATCH):
        places = missing[start : start + BATCH]
        try:
            said = answer(network, inputs[places], outputs=shape, name=name)
        except SuspectError as error:
            kept = f" ({len(known)} of {len(inputs)} answers are kept; the same command goes on)"
            if journal is None:
                kept = "; with --run its answers are kept"
            raise SuspectError(f"{error}{kept}") from error
        if journal is not None:
            journal.record(name, [inputs[place] for place in places], said)
        known |= dict(zip(places, said, strict=True))
    return torch.stack([known[place] for place in range(len(inputs))])


def judge(
    fingerprint: NetworkFingerprint,
    outputs: Outputs,
    *,
    name: str,
    scale: Scale | None = None,
) -> NetworkVerdict:
    """The verdict on outputs to all fingerprints; a pure function of them.

    Args:
        fingerprint: the owner's.
        outputs: as the suspect gave them.
        name: of the suspect.
        scale: on which it gave them, where that is known; what they show where None.

    Raises:
        UsageError: a scale that the fingerprint's outputs do not have.
    """
    manifest = fingerprint.manifest
    read = scaled(outputs, manifest.kind, scale)
    finite = int(torch.isfinite(read.outputs).flatten(1).all(1).sum())
    rule = manifest.ranks or manifest.threshold
    assert rule is not None  # the manifest has checked
    score = None
    if read.fault is not None:
        said = _Said(Decision.INCONCLUSIVE, None, read.fault)
    elif finite < len(outputs):
        reason = f"{len(outputs) - finite} of {len(outputs)} {NOT_FINITE}"
        said = _Said(Decision.INCONCLUSIVE, None, reason)
    else:
        score = fingerprint.score(read.outputs)
        said = _decided(fingerprint, read.outputs, score)
    return NetworkVerdict(
        suspect=name,
        task=manifest.task,
        protected=manifest.protected,
        decision=said.decision,
        score=score,
        threshold=rule.value if isinstance(rule, Threshold) else None,
        p_value=said.p_value,
        wanted_rate=rule.wanted_rate,
        rate_high=rule.rate_high if isinstance(rule, Threshold) else rule.rate,
        asked=len(outputs),
        answered=finite,
        reason=said.reason,
        outputs=read.scale,
        notes=read.notes,
    )


class _Said(NamedTuple):
    decision: Decision
    p_value: float | None
    reason: str


def _decided(fingerprint: NetworkFingerprint, outputs: Outputs, score: float) -> _Said:
    manifest = fingerprint.manifest
    if manifest.ranks is not None:
        return _by_rank(manifest.ranks, fingerprint.rank(outputs))
    assert manifest.threshold is not None  # the manifest has one or the other
    return _by_threshold(manifest.threshold, score, manifest.held_out_scores)


def _by_threshold(threshold: Threshold, score: float, held_out: Sequence[float]) -> _Said:
    above = sum(other >= score for other in held_out)
    reason = f"{above} of {threshold.held_out} independent networks score as much"
    if not threshold.reachable:
        reason += (
            f"; too few to show a false-positive rate of {threshold.wanted_rate:g}: with 95% "
            f"confidence it is below {threshold.rate_high:.2g}"
        )
    decision = Decision.DERIVED if score > threshold.value else Decision.NOT_SHOWN
    return _Said(decision, conformal_p_value(score, held_out), reason)


def _by_rank(ranks: RankRule, p_value: float | None) -> _Said:
    assert p_value is not None  # the manifest and the verifier go together
    nearer = round(p_value * (ranks.references + 1)) - 1
    reason = f"{nearer} of {ranks.references} networks trained like the protected one are as near"
    if not ranks.reachable:
        reason += f"; too few for a false-positive rate of {ranks.wanted_rate:g}"
    decision = Decision.DERIVED if p_value <= ranks.rate + 1e-9 else Decision.NOT_SHOWN
    return _Said(decision, p_value, reason)


def require_protected(fingerprint: NetworkFingerprint, network: Network, *, name: str) -> None:
    """That a fingerprint is of this network.

    Raises:
        ModelError: the network's weights cannot be read, as behind an endpoint.
        FingerprintError: it is of another.
    """
    if not isinstance(network, nn.Module):
        raise ModelError(f"expected the owner's weights (torch:FILE or hf:FOLDER), got {name}")
    digest = digest_network(network)
    if digest != fingerprint.manifest.protected:
        raise FingerprintError(
            "this fingerprint is of another protected network "
            f"({fingerprint.manifest.protected[:12]}…), not of {name} ({digest[:12]}…); name the "
            "folder that was trained for it"
        )
