"""The whole benchmark on a task of tiny networks that learn for an instant."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from sif.eval.networks import run as bench
from sif.eval.networks.contenders import contenders
from sif.eval.networks.references import contrasts
from sif.eval.networks.run import NetworksBench, run_networks
from sif.eval.networks.sets import LEARNT, make_sets, thefts
from sif.eval.networks.tasks import Task, split
from sif.networks.architecture import Mlp, build
from sif.networks.joint_training import train_fingerprints
from sif.networks.thefts.fit import Fit
from sif.networks.weights import digest_network
from sif.networks.workshop import Workshop
from tests.networks.small import ARCHITECTURE, examples


def tiny(seed: int) -> Task:
    owner, thief, unseen = split(examples(80), seed)
    kinds = (ARCHITECTURE, Mlp(inputs=(6,), widths=(5,), outputs=(3,), activation="tanh"))
    short = Fit(epochs=2, batch_size=16, learning_rate=1e-2)
    return Task(
        name="tiny",
        kind="logits",
        owner=owner,
        thief=thief,
        unseen=unseen,
        begin=lambda number, start: build(kinds[number], seed=start).eval(),
        trained_kinds=(0, 1),
        suspect_kinds=(0, 1),
        student=kinds[1],
        training=short,
        tuning=short,
        fingerprints=5,
        iterations=5,
    )


@pytest.fixture
def ready(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> NetworksBench:
    monkeypatch.setattr(bench, "find_task", lambda name: tiny)
    return NetworksBench(out=tmp_path / "b", tasks=("tiny",), seeds=(1, 2), numbers=(1, 2))


def test_no_suspect_has_a_part_in_training(tmp_path: Path) -> None:
    sets = make_sets(tiny(1), Workshop(tmp_path), 1, tell=lambda words: None)
    makings = [sets.protected, *sets.positives, *sets.negatives]
    makings += [*sets.short_positives, *sets.short_negatives]
    seen = [network for made in makings for network in made.networks]
    digests = {digest_network(network) for network in seen}
    suspects = [digest_network(suspect.network) for suspect in sets.suspects]
    drawn = [
        digest
        for digest, suspect in zip(suspects, sets.suspects, strict=True)
        if suspect.kind != "quantize"  # which has neither data nor seed
    ]
    assert not digests & set(drawn)
    assert len(set(drawn)) == len(drawn)


def test_copies_and_innocents_are_as_many_and_every_theft_is_there(tmp_path: Path) -> None:
    sets = make_sets(tiny(1), Workshop(tmp_path), 1, tell=lambda words: None)
    copies = [suspect.kind for suspect in sets.suspects if suspect.copy]
    assert len(copies) == len(sets.suspects) - len(copies) >= 24
    assert set(copies) == set(thefts(tiny(1)))
    assert set(LEARNT) < set(copies)
    sizes = {sum(p.numel() for p in suspect.network.parameters()) for suspect in sets.suspects}
    assert len(sizes) == 2


def test_everybody_judges_every_suspect_and_an_interrupted_run_goes_on(
    ready: NetworksBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    first = run_networks(
        NetworksBench(out=ready.out, tasks=ready.tasks, seeds=(1,), numbers=ready.numbers),
        show=lambda stage, done, total, words: told.append(words),
    )
    labels = [contender.label for contender in contenders((1, 2))]
    labels += ["contrast ×1", "contrast ×19"]
    assert [cost.contender for cost in first[0].costs] == [*labels, "ipguard"]
    for label in labels:
        scores = [row.score for row in first[0].scores if row.contender == label]
        assert len(scores) == 60
        assert all(0 <= score <= 1 for score in scores)
    assert "near ×2" in told
    ranked = {row.contender for row in first[0].scores if row.p_value is not None}
    assert ranked == {"contrast ×19"}

    def refuse(*arguments: object, **named: object) -> None:
        raise AssertionError("made again")

    with monkeypatch.context() as patched:
        patched.setattr(bench, "train_fingerprints", refuse)
        patched.setattr(bench, "contrast_fingerprints", refuse)
        again = run_networks(
            NetworksBench(out=ready.out, tasks=ready.tasks, seeds=(1,), numbers=ready.numbers),
            show=lambda *told: None,
        )
    assert again == first
    both = run_networks(ready, show=lambda *told: None)
    assert both[0] == first[0]
    assert [cell.seed for cell in both] == [1, 2]
    more = NetworksBench(out=ready.out, tasks=ready.tasks, seeds=(1,), numbers=(1, 2, 3))
    trained: list[object] = []

    def counted(*arguments: Any, **named: Any) -> Any:
        trained.append(arguments)
        return train_fingerprints(*arguments, **named)

    with monkeypatch.context() as patched:
        patched.setattr(bench, "train_fingerprints", counted)
        larger = run_networks(more, show=lambda *told: None)
    assert len(trained) == 3  # metav, liteguard and near with three networks
    kept = [row for row in first[0].scores if row.contender != "near ×2"]
    assert set(kept) <= set(larger[0].scores)


def test_contenders_see_as_many_networks_as_they_say(tmp_path: Path) -> None:
    sets = make_sets(tiny(1), Workshop(tmp_path), 1, tell=lambda words: None)
    for contender in contenders((1, 3)):
        sides, seconds = contender.sides(sets)
        steps = 6 if contender.checkpoints else 0
        shorts = (4, 12) if contender.short else (0, 0)
        assert len(sides.positives) == contender.number + steps + shorts[0]
        assert len(sides.negatives) == contender.number * (1 + steps) + shorts[1]
        assert seconds > 0
    assert {contender.method for contender in contenders()} == {"metav", "liteguard", "near"}


def test_references_learn_like_the_protected_network_and_are_hardened_like_it(
    tmp_path: Path,
) -> None:
    task, workshop = tiny(1), Workshop(tmp_path)
    sets = make_sets(task, workshop, 1, tell=lambda words: None)
    few, enough = contrasts(task, (1, 3))
    assert (few.label, enough.label) == ("contrast ×1", "contrast ×19")
    families, seconds = enough.families(task, sets, workshop, 1)
    assert len(families) == 20
    assert seconds > 0
    assert families[0].head is sets.protected.networks[0]
    assert families[1].head is sets.negatives[0].networks[0]
    members = [member for family in families for member in family.members]
    assert all(isinstance(member, nn.Module) for member in members)
    digests = {digest_network(member) for member in members if isinstance(member, nn.Module)}
    assert len(digests) == 40
    suspects = {digest_network(suspect.network) for suspect in sets.suspects}
    assert not digests & suspects
    assert few.families(task, sets, workshop, 1)[0][1].head is families[1].head


def test_what_cannot_be_trained_again_makes_no_claims() -> None:
    elsewhere = replace(tiny(1), trained_kinds=(1,))
    assert [contender.label for contender in contrasts(elsewhere, (1,))] == ["contrast ×1"]


def test_torchs_generator_has_no_part(tmp_path: Path) -> None:
    found = []
    for number in (1, 2):
        torch.manual_seed(number)
        sets = make_sets(tiny(1), Workshop(tmp_path / str(number)), 1, tell=lambda words: None)
        found.append([digest_network(suspect.network) for suspect in sets.suspects])
    assert found[0] == found[1]
