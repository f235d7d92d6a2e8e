"""A fingerprint of any network, and its folder.

    manifest.json           public: shapes, task, method, threshold, digest of the protected network
    inputs.safetensors      secret: the fingerprints, as bytes where the domain has levels
    verifier.safetensors    secret: weights of the verifier, or what the families said; mean and
                            spread of the reading, and the protected network's own readings

Whoever has the inputs can answer them like the protected network, or refuse them; whoever has the
verifier can also make inputs that frame others. Both files are for the owner's eyes (mode 0600).
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import torch
from pydantic import ValidationError
from safetensors.torch import load, save
from torch import Tensor, nn

from sif.errors import FingerprintError, ModelError, UsageError
from sif.files import write_atomically
from sif.networks.contrast import ContrastVerifier
from sif.networks.domain import Domain, Inputs
from sif.networks.joint_training import Trained
from sif.networks.manifest import NetworkCounts, NetworkManifest
from sif.networks.method import Method
from sif.networks.network import Network, Outputs
from sif.networks.reading import Reading
from sif.networks.threshold import RankRule, Threshold, choose_threshold
from sif.networks.verifier import Own, Verifier, build_verifier
from sif.networks.weights import digest_network
from sif.plain_files import LARGE, read_file
from sif.validation import first_fault
from sif.vlm.foreign import READING
from sif.vlm.plain_words import first_line, shown

MANIFEST: Final = "manifest.json"
INPUTS: Final = "inputs.safetensors"
VERIFIER: Final = "verifier.safetensors"
SECRET_MODE: Final = 0o600
WEIGHT: Final = "verifier/"


@dataclass(frozen=True, kw_only=True, eq=False)
class NetworkFingerprint:
    """Fingerprints, verifier and threshold.

    Attributes:
        manifest: the public half.
        inputs: to ask.
        reading: of outputs.
        verifier: of readings.
        own: the protected network's reading of each input.
    """

    manifest: NetworkManifest
    inputs: Inputs
    reading: Reading
    verifier: Verifier
    own: Own

    def __repr__(self) -> str:
        return f"NetworkFingerprint(task={self.manifest.task!r}, inputs={len(self.inputs)})"

    def score(self, outputs: Outputs) -> float:
        """The score in [0, 1] of a network that gave these outputs to the inputs, all finite."""
        with torch.no_grad():
            return float(self.verifier.scores(self.reading(outputs)[None], self.own))

    def rank(self, outputs: Outputs) -> float | None:
        """The p-value of a rank among the references; None for a verifier that has none."""
        ranked = self.verifier.p_values(self.reading(outputs)[None])
        return None if ranked is None else float(ranked)

    def save(self, folder: Path) -> None:
        """Writes the folder, the manifest last.

        Raises:
            StorageError: the disk refuses.
        """
        inputs, verifier = _contents(
            self.manifest.domain, self.inputs, self.reading, self.verifier, self.own
        )
        write_atomically(folder / INPUTS, inputs, mode=SECRET_MODE)
        write_atomically(folder / VERIFIER, verifier, mode=SECRET_MODE)
        write_atomically(folder / MANIFEST, self.manifest.model_dump_json(indent=2))

    @staticmethod
    def load(folder: Path) -> "NetworkFingerprint":
        """Reads a folder back.

        Raises:
            FingerprintError: no such folder, another version, or files that are not the manifest's.
        """
        manifest = _read_manifest(folder)
        inputs = _read(folder / INPUTS, manifest.inputs_sha256)
        tensors = _read(folder / VERIFIER, manifest.verifier_sha256)
        try:
            decoded = manifest.domain.decode(inputs["inputs"])
            _require_shapes(manifest, tensors, len(decoded))
            reading = Reading(
                kind=manifest.kind,
                read=manifest.method.read,
                mean=tensors["mean"],
                spread=tensors["spread"],
            )
            verifier = _verifier(manifest.method, tensors, reading, len(decoded))
            own = tensors["own"]
        except (KeyError, RuntimeError, UsageError, ValueError) as error:
            raise FingerprintError(
                f"the files in {folder} do not fit its {MANIFEST}: {first_line(error)}"
            ) from error
        return NetworkFingerprint(
            manifest=manifest,
            inputs=decoded,
            reading=reading,
            verifier=verifier.eval().requires_grad_(False),
            own=own,
        )


def _require_shapes(
    manifest: NetworkManifest, tensors: dict[str, Tensor], fingerprints: int
) -> None:
    """That the verifier's file holds float32 numbers in the shapes that its manifest means.

    Raises:
        KeyError: one is not there.
        ValueError: one has another shape, another kind, or numbers that are not finite.
    """
    numbers = math.prod(manifest.outputs)
    wanted: dict[str, tuple[int | None, ...]] = {
        "mean": (numbers,),
        "spread": (numbers,),
        "own": (fingerprints, numbers),
    }
    if manifest.method.verifier == "contrast":
        references = manifest.ranks.references if manifest.ranks is not None else 0
        wanted |= {
            f"{WEIGHT}profiles": (references + 1, None, fingerprints * numbers),
            f"{WEIGHT}whitening": (numbers, numbers),
        }
    if fingerprints < 1 or not (tensors["spread"] > 0).all():
        raise ValueError("no inputs, or a spread that is not above 0")
    for name, sizes in wanted.items():
        tensor = tensors[name]
        own = tuple(tensor.shape)
        if len(own) != len(sizes) or any(
            size != there and not (size is None and there)
            for size, there in zip(sizes, own, strict=True)
        ):
            raise ValueError(f"{name} has the shape {own}")
    for name, tensor in tensors.items():
        if tensor.dtype != torch.float32 or not torch.isfinite(tensor).all():
            raise ValueError(f"{shown(name)} holds other numbers than finite ones of float32")


def _verifier(
    method: Method, tensors: dict[str, Tensor], reading: Reading, fingerprints: int
) -> Verifier:
    weights = {
        name.removeprefix(WEIGHT): value
        for name, value in tensors.items()
        if name.startswith(WEIGHT)
    }
    if method.verifier == "contrast":
        return ContrastVerifier(weights["profiles"], weights["whitening"])
    verifier = build_verifier(
        method.verifier, fingerprints=fingerprints, numbers=len(reading.mean), seed=0
    )
    verifier.load_state_dict(weights)
    return verifier


def make_fingerprint(
    trained: Trained,
    protected: nn.Module,
    held_out: Sequence[Network],
    *,
    task: str,
    domain: Domain,
    method: Method,
    seed: int,
    counts: NetworkCounts,
    rate: float,
) -> NetworkFingerprint:
    """Puts together what training left, and what decides.

    Args:
        trained: inputs and verifier.
        protected: the owner's network.
        held_out: independent networks that training has not seen, to choose a threshold on; none
            for a verifier that ranks a suspect's answers among its references.
        task: the owner's word for it.
        domain: of the inputs.
        method: that was trained by.
        seed: likewise.
        counts: of the networks that had a part.
        rate: false-positive rate that is wanted.

    Raises:
        UsageError: no held-out network, or a rate outside of (0, 1).
        ModelError: the protected network would not be found to be itself.
    """
    scores = trained.scores(held_out) if held_out else []
    own = trained.scores([protected])[0]
    rule = _choose_rule(trained, own, scores, rate)
    inputs, verifier = _contents(
        domain, trained.inputs, trained.reading, trained.verifier, trained.own
    )
    with torch.no_grad():
        outputs = tuple(protected(trained.inputs[:1]).shape[1:])
    manifest = NetworkManifest(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        task=task,
        domain=domain,
        outputs=outputs,
        kind=trained.reading.kind,
        method=method,
        seed=seed,
        steps=trained.steps,
        protected=digest_network(protected),
        protected_score=own,
        networks=counts,
        threshold=rule if isinstance(rule, Threshold) else None,
        ranks=rule if isinstance(rule, RankRule) else None,
        held_out_scores=tuple(scores),
        inputs_sha256=hashlib.sha256(inputs).hexdigest(),
        verifier_sha256=hashlib.sha256(verifier).hexdigest(),
    )
    return NetworkFingerprint(
        manifest=manifest,
        inputs=trained.inputs,
        reading=trained.reading,
        verifier=trained.verifier,
        own=trained.own,
    )


def _choose_rule(
    trained: Trained, own: float, scores: Sequence[float], rate: float
) -> Threshold | RankRule:
    """What decides; the protected network must be found to be itself."""
    if isinstance(trained.verifier, ContrastVerifier):
        ranks = RankRule(wanted_rate=rate, references=trained.verifier.references)
        if float(trained.verifier.p_values(trained.own[None])) > 1 / (ranks.references + 1):
            raise ModelError(
                "a reference answers exactly like the protected network; references must be "
                "trained from new initial weights"
            )
        return ranks
    threshold = choose_threshold(scores, rate)
    if own <= threshold.value:
        raise ModelError(
            f"the protected network itself scores {own:.3f} and independent ones up to "
            f"{threshold.value:.3f}, so nothing could be claimed; train on more copies and "
            "independent networks, or longer"
        )
    return threshold


def _contents(
    domain: Domain, inputs: Inputs, reading: Reading, verifier: Verifier, own: Own
) -> tuple[bytes, bytes]:
    """Both secret files; the inputs must come back as they are."""
    stored = domain.encode(inputs)
    if not torch.equal(domain.decode(stored), inputs):
        raise FingerprintError(
            "the inputs are not what is read back after storing; store them first"
        )
    weights = {WEIGHT + name: value.contiguous() for name, value in verifier.state_dict().items()}
    others = {"mean": reading.mean, "spread": reading.spread, "own": own}
    others = {name: value.contiguous() for name, value in others.items()}
    return save({"inputs": stored.contiguous()}), save(weights | others)


def _read_manifest(folder: Path) -> NetworkManifest:
    path = folder / MANIFEST
    try:
        return NetworkManifest.model_validate_json(read_file(path))
    except FileNotFoundError as error:
        raise FingerprintError(
            f"expected a fingerprint of `sif metav train` in {folder}, found no {MANIFEST}"
        ) from error
    except OSError as error:
        raise FingerprintError(f"cannot read {path}: {error.strerror}") from error
    except ValidationError as error:
        fault = first_fault(error)
        where = shown(fault.where) or "content"
        raise FingerprintError(
            f"expected version 1 of a network's fingerprint in {path}, got one whose {where} is "
            f"wrong: {shown(fault.what, longest=200)}"
        ) from error


def _read(path: Path, sha256: str) -> dict[str, Tensor]:
    try:
        content = read_file(path, most=LARGE)
    except OSError as error:
        raise FingerprintError(f"cannot read {path}: {error.strerror}") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise FingerprintError(
            f"{path} is not the file that {MANIFEST} names; it is damaged or belongs to another "
            "protected network"
        )
    try:
        return dict(load(content))
    except READING as error:
        raise FingerprintError(f"{path} is no safetensors file: {first_line(error)}") from error
