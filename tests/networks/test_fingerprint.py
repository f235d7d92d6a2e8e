import json
import shutil
import stat
from pathlib import Path

import pytest
import torch

from sif.errors import FingerprintError, ModelError
from sif.networks.contrast import Family
from sif.networks.fingerprint import (
    INPUTS,
    MANIFEST,
    VERIFIER,
    NetworkFingerprint,
    make_fingerprint,
)
from sif.networks.manifest import NetworkCounts
from sif.networks.method import METHODS
from sif.networks.verify import require_protected
from tests.networks.conftest import QUICK, draw_contrast, train_quickly
from tests.networks.small import DOMAIN, Small


def test_a_fingerprint_comes_back_from_its_folder(
    fingerprint: NetworkFingerprint, world: Small, tmp_path: Path
) -> None:
    fingerprint.save(tmp_path)
    again = NetworkFingerprint.load(tmp_path)
    assert again.manifest == fingerprint.manifest
    assert torch.equal(again.inputs, fingerprint.inputs)
    for network in [world.protected, *world.unseen_others]:
        said = network(fingerprint.inputs)
        assert again.score(said) == fingerprint.score(said)


def test_inputs_and_verifier_are_for_their_owner_alone(
    fingerprint: NetworkFingerprint, tmp_path: Path
) -> None:
    fingerprint.save(tmp_path)
    for name in (INPUTS, VERIFIER):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    numbers = [f"{number:.4f}" for number in fingerprint.inputs.flatten().tolist()]
    for told in ((tmp_path / MANIFEST).read_text(), repr(fingerprint)):
        assert not any(number in told for number in numbers if len(number) > 6)


@pytest.mark.parametrize("name", [INPUTS, VERIFIER])
def test_files_of_another_protected_network_are_refused(
    name: str, fingerprint: NetworkFingerprint, world: Small, tmp_path: Path
) -> None:
    fingerprint.save(tmp_path / "a")
    swapped = world._replace(protected=world.others[0], others=[world.protected, *world.others[1:]])
    other = _made(swapped._replace(copies=[world.others[0]]))
    other.save(tmp_path / "b")
    shutil.copy(tmp_path / "b" / name, tmp_path / "a" / name)
    with pytest.raises(FingerprintError, match="another protected network"):
        NetworkFingerprint.load(tmp_path / "a")


def test_a_fingerprint_knows_whose_it_is(fingerprint: NetworkFingerprint, world: Small) -> None:
    require_protected(fingerprint, world.protected, name="mine")
    with pytest.raises(FingerprintError, match="another protected network"):
        require_protected(fingerprint, world.others[0], name="theirs")
    with pytest.raises(ModelError, match="weights"):
        require_protected(fingerprint, lambda inputs: inputs, name="endpoint")


def test_another_version_is_refused(fingerprint: NetworkFingerprint, tmp_path: Path) -> None:
    fingerprint.save(tmp_path)
    written = json.loads((tmp_path / MANIFEST).read_text())
    (tmp_path / MANIFEST).write_text(json.dumps(written | {"schema_version": 2}))
    with pytest.raises(FingerprintError, match="version 1"):
        NetworkFingerprint.load(tmp_path)


def test_a_folder_without_a_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FingerprintError, match="found no"):
        NetworkFingerprint.load(tmp_path)


def test_nothing_is_written_where_the_protected_network_scores_no_higher(world: Small) -> None:
    with pytest.raises(ModelError, match="nothing could be claimed"):
        _made(world, held_out=[world.protected])


def _made(world: Small, held_out: list | None = None) -> NetworkFingerprint:
    return make_fingerprint(
        train_quickly(world),
        world.protected,
        held_out or world.unseen_others,
        task="made up",
        domain=DOMAIN,
        method=QUICK,
        seed=0,
        counts=NetworkCounts(positives=1, negatives=1, stopping_positives=0, stopping_negatives=0),
        rate=0.2,
    )


def test_references_come_back_from_a_folder(
    ranked: NetworkFingerprint, world: Small, tmp_path: Path
) -> None:
    ranked.save(tmp_path)
    again = NetworkFingerprint.load(tmp_path)
    assert again.manifest == ranked.manifest
    for network in [*world.unseen_copies, *world.unseen_others]:
        said = network(ranked.inputs)
        assert (again.score(said), again.rank(said)) == (ranked.score(said), ranked.rank(said))


@pytest.mark.parametrize("change", [{"ranks": None}, {"threshold": "as before"}])
def test_either_a_threshold_or_ranks_decide(
    change: dict, ranked: NetworkFingerprint, fingerprint: NetworkFingerprint, tmp_path: Path
) -> None:
    ranked.save(tmp_path)
    written = json.loads((tmp_path / MANIFEST).read_text())
    if "threshold" in change:
        change = {"threshold": json.loads(fingerprint.manifest.model_dump_json())["threshold"]}
    (tmp_path / MANIFEST).write_text(json.dumps(written | change))
    with pytest.raises(FingerprintError, match="either a threshold or ranks"):
        NetworkFingerprint.load(tmp_path)


def test_a_reference_that_is_the_protected_network_is_refused(world: Small) -> None:
    heads = (world.protected, world.protected, world.others[0])
    made = draw_contrast([Family(head) for head in heads])
    with pytest.raises(ModelError, match="new initial weights"):
        make_fingerprint(
            made,
            world.protected,
            [],
            task="made up",
            domain=DOMAIN,
            method=METHODS["contrast"],
            seed=0,
            counts=NetworkCounts(
                positives=1, negatives=2, stopping_positives=0, stopping_negatives=0
            ),
            rate=0.4,
        )
