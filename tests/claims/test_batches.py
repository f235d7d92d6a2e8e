"""One fingerprint for several disputes: each bundle reveals one batch, and no other can be had."""

import dataclasses
import json
import logging
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from sif.claims import (
    Means,
    Outcome,
    Status,
    audit,
    commit,
    load_roots,
    prepare_request,
    read_commitment,
    reveal,
    stamp,
)
from sif.claims.anchor import Beforehand, begin, finish, lot_of
from sif.claims.batches import as_committed, in_batch, labels_of
from sif.claims.bundle import open_bundle
from sif.claims.commit import with_lot
from sif.claims.envelope import stamped_part
from sif.claims.reveal import Extent
from sif.claims.rules import rules_of_run
from sif.claims.runs import count_of
from sif.claims.seeds import Seeds, reveal_seeds
from sif.claims.timestamp import Token
from sif.errors import ClaimError, StorageError, UsageError
from sif.fingerprint.folder import FingerprintSet
from sif.ownership.run import read_record, read_verdict
from sif.session.session import Session
from sif.suspects.scripted import ScriptedSuspect
from sif.types import Decision, Unanswered
from sif.watermark.greenlist.mask import green_mask
from sif.watermark.keys import KeyRing
from tests.claims.authority import Authority
from tests.claims.made import (
    Claim,
    Files,
    asked,
    audited,
    calibrated,
    edited,
    lines,
    recommitted,
    resigned,
)
from tests.claims.test_outcomes import _mutate
from tools.claim_schemas import schema
from tools.time_audit import answers, build_tokenizer, make_up, reacting

TRIGGERS, BATCHES = 48, 2
SEEDS_NAME = "claim/seeds.json"


def make_owned(
    folder: Path, authority: Authority, *, triggers: int, batches: int, calibrate: bool = False
) -> FingerprintSet:
    """Secret, fingerprint, commitment and timestamp, as the commands make them."""
    request = begin(folder / "secret", build_tokenizer(600), gamma=0.5)
    response = authority.reply(request)
    keys = finish(folder / "secret", Token.parse(response), response)
    owned = make_up(folder / "fp", triggers=triggers, vocabulary_size=600, keys=keys)
    if calibrate:
        calibrated(owned)
    rules = rules_of_run(
        owned.folder,
        alpha=1e-6,
        alpha_transfer=0.01,
        anchored=True,
        batches=batches,
        default={"minimum_answers": 3},
    )
    commit(owned, policy=rules.policy, alpha=1e-6, anchor=folder / "secret", batches=batches)
    stamp(owned.folder, authority.reply(prepare_request(owned.folder)), [])
    return owned


def dispute(owned: FingerprintSet, told: Any, run: Path, batch: int | None, name: str) -> Path:
    """A run against a suspect, which says ordinary words to base pictures, and its bundle."""
    suspect = ScriptedSuspect(reacting(owned, told), name=name)
    Session(fingerprint=owned, suspect=suspect, committed=True, claim_batch=batch, run=run).verify()
    bundle = run.with_suffix(".zip")
    reveal(owned, run, bundle)
    return bundle


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("batches")


@pytest.fixture(scope="module")
def owned(folder: Path, authority: Authority) -> FingerprintSet:
    return make_owned(folder, authority, triggers=TRIGGERS, batches=BATCHES, calibrate=True)


@pytest.fixture(scope="module")
def told(owned: FingerprintSet) -> dict[str, str]:
    return answers(owned, green=28, scored=30)


@pytest.fixture(scope="module")
def bundles(owned: FingerprintSet, told: dict[str, str], folder: Path) -> list[Path]:
    """Two disputes, against two suspects, from one fingerprint."""
    return [
        dispute(owned, told, folder / f"run {number}", number, f"suspect-{number}")
        for number in (1, 2)
    ]


@pytest.fixture
def claim(
    owned: FingerprintSet,
    told: dict[str, str],
    bundles: list[Path],
    folder: Path,
    authority: Authority,
) -> Claim:
    """The second dispute."""
    return Claim(owned, folder / "run 2", bundles[1], folder / "secret", authority, told)


@pytest.fixture
def files(claim: Claim, tmp_path: Path) -> Files:
    return claim.files(tmp_path / "unpacked")


def contents(bundle: Path) -> bytes:
    with zipfile.ZipFile(bundle) as archive:
        return b"".join(archive.read(name) for name in archive.namelist())


def shown(files: Files) -> Seeds:
    return Seeds.parse(files[SEEDS_NAME], where="seeds")


def keys_of(owned: FingerprintSet) -> KeyRing:
    assert isinstance(owned.keys, KeyRing)
    return owned.keys


def leaning(run: Path) -> float:
    """What the base pictures of a run show, which an audit takes off."""
    control = read_verdict(run).control
    assert control is not None
    return control.log10_e_value


def test_two_disputes_of_one_fingerprint_are_both_verified(
    bundles: list[Path], claim: Claim
) -> None:
    for number, bundle in enumerate(bundles, start=1):
        means = dataclasses.replace(
            claim.all_means, suspect=asked(claim.says(), f"suspect-{number}")
        )
        found = audit(bundle, means)
        assert found.outcome is Outcome.VERIFIED, found.steps
        assert "24 of 48 triggers revealed, 24 stay secret" in found.step("secret").sentence
        assert f"batch {number} of 2" in found.step("keys").sentence
        assert f"batch {number} of 2 with it" in found.step("order").sentence
        assert "0.30 for 2 batches to choose from" in found.step("grinding").sentence
        assert "of 24 questions" in found.step("grinding").sentence
        assert found.step("images").sentence.startswith("48 pictures")
        control = found.step("control")
        assert control.status is Status.PASS
        shown = len(read_verdict(bundle.with_suffix("")).per_trigger)
        assert f"{shown} pictures before they were changed, asked alike" in control.sentence
        off = 13.3979 + 0.3010 + 0.0434 + leaning(bundle.with_suffix(""))
        assert found.log10_discount == pytest.approx(off, abs=1e-3)


def test_no_bundle_shows_a_secret_of_the_other_nor_do_both_together(
    owned: FingerprintSet, bundles: list[Path], tmp_path: Path
) -> None:
    """Nothing in a bundle is the secret, its salt, or a seed or key of a trigger outside."""
    keys = keys_of(owned)
    salt = (owned.folder / "claim" / "salt.key").read_text().strip()
    secret = keys.text().splitlines()[1]
    unspent = [f"{number:04d}" for number in range(TRIGGERS + 1, 4097)]
    revealed: list[set[str]] = []
    for number, bundle in enumerate(bundles, start=1):
        found = open_bundle(bundle, tmp_path / str(number))
        mine = {one.label for one in shown({SEEDS_NAME: found[SEEDS_NAME].read_bytes()}).seeds}
        revealed.append(mine)
        data = contents(bundle)
        pictures = {Path(name).name[:4] for name in found if name.endswith(".png")}
        assert pictures == mine
        assert "claim/secret.key" not in found
        assert "claim/salt.key" not in found
        others = [one.record.id for one in owned.triggers if one.record.id not in mine]
        for text in (secret, salt, keys.lot.hex()):
            assert text.encode() not in data
            assert bytes.fromhex(text) not in data
        for label in [*others, *unspent]:
            for hidden in (keys.seed(label), keys.key(label)):
                assert hidden.hex().encode() not in data
                assert hidden not in data
        assert keys.seed(min(mine)).hex().encode() in data
        assert oct(bundle.stat().st_mode & 0o777) == "0o600"
    assert not revealed[0] & revealed[1]
    assert revealed[0] | revealed[1] == {one.record.id for one in owned.triggers}


def test_what_is_revealed_gives_the_masks_of_its_batch_only(
    owned: FingerprintSet, files: Files
) -> None:
    keys = keys_of(owned)
    seeds = {one.label: bytes.fromhex(one.seed) for one in shown(files).seeds}
    for label, seed in seeds.items():
        assert seed == keys.seed(label)
    Draft202012Validator(schema("seeds")).validate(json.loads(files[SEEDS_NAME]))
    label = min(seeds)
    mask = green_mask(keys.key(label), vocabulary_size=600, gamma=0.5)
    assert (owned.mask(label) == mask).all()


def test_batches_are_blocks_of_the_drawn_order_and_all_triggers_are_in_one(
    owned: FingerprintSet,
) -> None:
    header = read_commitment(owned.folder).header
    assert header.batches == BATCHES
    ids = [one.record.id for one in owned.triggers]
    token = Token.parse((owned.folder / "claim" / "timestamp.tsr").read_bytes())
    for count in (2, 5, 7, 48):
        other = header.model_copy(update={"batches": count})
        parts = [
            list(labels_of(ids, other, lot_of(token), number)) for number in range(1, count + 1)
        ]
        assert sorted(label for part in parts for label in part) == ids
        sizes = {len(part) for part in parts}
        assert max(sizes) - min(sizes) <= 1
    asked_first = [one.record.id for one in in_batch(with_lot(owned), header, 1).triggers]
    assert asked_first != ids[: TRIGGERS // 2]


def test_the_run_says_which_batch_it_asked_and_asks_no_other(
    owned: FingerprintSet, told: dict[str, str], tmp_path: Path
) -> None:
    heard: list[str] = []

    def answer(query: Any) -> str:
        heard.append(query.trigger)
        return "nothing"

    suspect = ScriptedSuspect(answer, name="a stranger")
    session = Session(
        fingerprint=owned, suspect=suspect, committed=True, claim_batch=1, run=tmp_path / "run"
    )
    session.verify()
    within = {one.record.id for one in as_committed(owned, 1).triggers}
    assert set(heard) == within
    assert read_record(tmp_path / "run").batch == 1
    with pytest.raises(StorageError, match="batch"):
        dataclasses.replace(session, claim_batch=2).verify()


@pytest.mark.parametrize("batch", [None, 3, 0])
def test_a_batch_has_to_be_named_and_nothing_is_counted_before(
    owned: FingerprintSet, tmp_path: Path, batch: int | None
) -> None:
    suspect = ScriptedSuspect({}, name="never asked")
    session = Session(
        fingerprint=owned, suspect=suspect, committed=True, claim_batch=batch, run=tmp_path / "r"
    )
    with pytest.raises(ClaimError, match="--claim-batch"):
        session.verify()
    assert count_of(owned.folder, "never asked") == 0
    assert not (tmp_path / "r").exists()
    with pytest.raises(UsageError, match="committed"):
        dataclasses.replace(session, committed=False, claim_batch=1).verify()


def test_the_whole_secret_is_revealed_where_that_is_wished(
    owned: FingerprintSet, bundles: list[Path], claim: Claim, tmp_path: Path
) -> None:
    bundle = tmp_path / "all.zip"
    reveal(owned, claim.run, bundle, triggers=Extent.ALL)
    found = audit(bundle, claim.means)
    assert found.supported, found.steps
    assert "the secret and its salt" in found.step("secret").sentence
    assert "batch 2 of 2 with it" in found.step("order").sentence
    assert "2 batches to choose from" in found.step("grinding").sentence
    assert "of 24 questions" in found.step("grinding").sentence


def test_without_a_trusted_authority_seeds_may_have_been_chosen_one_by_one(claim: Claim) -> None:
    means = dataclasses.replace(claim.means, roots=(), secrets_tried=1.0)
    found = audit(claim.bundle, means)
    assert found.outcome is Outcome.CONSISTENT
    assert found.step("grinding").status is Status.NOT_CHECKED
    assert "one by one" in found.step("grinding").sentence
    assert "grinding" in found.headline


# What the owner himself can do: change a file, and sign the list of files anew.
def other_seeds(change: Callable[[Seeds, KeyRing], Seeds]) -> Callable[[Files, KeyRing], None]:
    def apply(files: Files, keys: KeyRing) -> None:
        files[SEEDS_NAME] = change(shown(files), keys).data()

    return apply


def seeds_update(files: Seeds, **changes: Any) -> Seeds:
    return files.model_copy(update=changes)


def _swapped(seeds: Seeds, keys: KeyRing) -> Seeds:
    """Label of the first, seed and path of the second."""
    one, two = seeds.seeds[:2]
    wrong = two.model_copy(update={"label": one.label})
    return seeds_update(seeds, seeds=(wrong, *seeds.seeds[1:]))


def _other_seed(seeds: Seeds, keys: KeyRing) -> Seeds:
    one = seeds.seeds[0].model_copy(update={"seed": keys.seed("4000").hex()})
    return seeds_update(seeds, seeds=(one, *seeds.seeds[1:]))


def _other_path(seeds: Seeds, keys: KeyRing) -> Seeds:
    one = seeds.seeds[0].model_copy(update={"path": seeds.seeds[1].path})
    return seeds_update(seeds, seeds=(one, *seeds.seeds[1:]))


def _unused_leaf(seeds: Seeds, keys: KeyRing) -> Seeds:
    labels = [one.label for one in seeds.seeds]
    return reveal_seeds(keys, [*labels, "4000"], size=4096, batch=seeds.batch)


def _mixed(seeds: Seeds, keys: KeyRing) -> Seeds:
    """One trigger of the other batch in the place of one of this."""
    labels = [one.label for one in seeds.seeds]
    other = next(n for n in (f"{i:04d}" for i in range(1, TRIGGERS + 1)) if n not in labels)
    return reveal_seeds(keys, [*labels[1:], other], size=4096, batch=seeds.batch)


def _one_more(seeds: Seeds, keys: KeyRing) -> Seeds:
    labels = [one.label for one in seeds.seeds]
    other = next(n for n in (f"{i:04d}" for i in range(1, TRIGGERS + 1)) if n not in labels)
    return reveal_seeds(keys, [*labels, other], size=4096, batch=seeds.batch)


def _one_less(seeds: Seeds, keys: KeyRing) -> Seeds:
    return seeds_update(seeds, seeds=seeds.seeds[1:])


CHEATERS: dict[str, tuple[Callable[[Files, KeyRing], None], str, str]] = {
    "the label of another leaf": (other_seeds(_swapped), "secret", "fixed beforehand"),
    "the seed of another label": (other_seeds(_other_seed), "secret", "fixed beforehand"),
    "the path of another leaf": (other_seeds(_other_path), "secret", "fixed beforehand"),
    "the seed of no trigger": (other_seeds(_unused_leaf), "secret", "no trigger"),
    "two batches mixed": (other_seeds(_mixed), "keys", "drew batch 2 of 2"),
    "one trigger more": (other_seeds(_one_more), "keys", "drew batch 2 of 2"),
    "one trigger less": (other_seeds(_one_less), "keys", "is not revealed"),
    "the name of the other batch": (
        other_seeds(lambda seeds, keys: seeds_update(seeds, batch=1)),
        "keys",
        "drew batch 1 of 2",
    ),
    "no batch": (
        other_seeds(lambda seeds, keys: seeds_update(seeds, batch=None)),
        "keys",
        "expected the batch",
    ),
    "a batch that is none": (
        other_seeds(lambda seeds, keys: seeds_update(seeds, batch=3)),
        "keys",
        "expected the batch",
    ),
    "a run of the other batch": (
        lambda files, keys: edited("run/run.json", lambda r: r.update(batch=1))(files),
        "journal",
        "batch 1 was asked",
    ),
    "a run of no batch": (
        lambda files, keys: edited("run/run.json", lambda r: r.update(batch=None))(files),
        "journal",
        "batch none was asked",
    ),
    "seeds beside the secret": (
        lambda files, keys: files.update({"claim/secret.key": keys.text().encode()}),
        "bundle",
        "belongs into none",
    ),
    "neither seeds nor secret": (lambda files, keys: files.pop(SEEDS_NAME), "bundle", "lacks"),
    "no timestamp to draw from": (
        lambda files, keys: files.pop("claim/timestamp.tsr"),
        "bundle",
        "lacks",
    ),
    "no anchor": (lambda files, keys: files.pop("claim/anchor.tsr"), "bundle", "lacks"),
    "a picture of the other batch": (
        lambda files, keys: files.update(
            {next(n for n in _outside(files)): b"\x89PNG"},
        ),
        "files",
        "was not committed to",
    ),
    "seeds in other words": (
        lambda files, keys: files.update({SEEDS_NAME: files[SEEDS_NAME] + b" "}),
        "secret",
        "nothing besides",
    ),
}


def _outside(files: Files) -> list[str]:
    names = [f"fingerprint/triggers/{number:04d}.png" for number in range(1, TRIGGERS + 1)]
    return [name for name in names if name not in files]


@pytest.mark.parametrize("case", CHEATERS)
def test_whoever_reveals_something_else_fails_at_a_step(
    claim: Claim, files: Files, tmp_path: Path, case: str
) -> None:
    change, step, words = CHEATERS[case]
    change(files, keys_of(claim.fingerprint))
    resigned(files, claim.key)
    found = audited(files, tmp_path / "b.zip", claim.means)
    assert found.failed == step, found.steps
    assert words in found.step(step).sentence


@pytest.mark.parametrize(
    ("changes", "step", "words"),
    [
        ({"batches": 4}, "timestamp", "over other bytes"),
        ({"batches": None}, "timestamp", "over other bytes"),
        ({"batches": 49}, "commitment", "at least one trigger"),
        ({"seeds_root": "0" * 64}, "secret", "other seeds were timestamped"),
        ({"seeds_root": None}, "commitment", "keys with seeds"),
        ({"seeds_root": None, "batches": None}, "secret", "other seeds were timestamped"),
    ],
)
def test_other_terms_than_were_committed_to_fail_although_they_are_signed(
    claim: Claim, files: Files, tmp_path: Path, changes: dict[str, Any], step: str, words: str
) -> None:
    recommitted(files, claim.key, **changes)
    found = audited(files, tmp_path / "b.zip", claim.means)
    assert found.failed == step, found.steps
    assert words in found.step(step).sentence


@pytest.mark.parametrize("batches", [4, 1])
def test_other_batches_stamped_anew_are_not_those_that_were_asked(
    claim: Claim, files: Files, authority: Authority, tmp_path: Path, batches: int
) -> None:
    """The owner asks for another token, over another K: other triggers are drawn together."""
    from sif.claims.timestamp import new_request

    recommitted(files, claim.key, batches=None if batches == 1 else batches)
    files["claim/timestamp.tsr"] = authority.reply(
        new_request(stamped_part(files["claim/commitment.dsse.json"]))
    )
    resigned(files, claim.key)
    found = audited(files, tmp_path / "b.zip", claim.means)
    assert found.failed == "keys"


def test_questions_of_the_other_batch_fail_at_the_journal(
    claim: Claim, files: Files, tmp_path: Path
) -> None:
    outside = Path(_outside(files)[0]).stem
    lines(lambda rows: rows[0].update(trigger=outside))(files)
    resigned(files, claim.key)
    found = audited(files, tmp_path / "b.zip", claim.means)
    assert found.failed == "journal"
    assert "which the commitment does not hold" in found.step("journal").sentence


def test_a_journal_with_questions_of_two_batches_is_not_revealed(
    claim: Claim, tmp_path: Path
) -> None:
    from shutil import copytree

    run = copytree(claim.run, tmp_path / "run")
    record = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**record, "batch": 1}))
    with pytest.raises(ClaimError, match="other pictures, prompts or settings"):
        reveal(claim.fingerprint, run, tmp_path / "b.zip")


def test_a_secret_with_other_seeds_than_were_fixed_fails(claim: Claim, tmp_path: Path) -> None:
    """Ring 2 under what was fixed with seeds would be a second draw of all keys."""
    bundle = tmp_path / "all.zip"
    reveal(claim.fingerprint, claim.run, bundle, triggers=Extent.ALL)
    found = {n: p.read_bytes() for n, p in open_bundle(bundle, tmp_path / "all").items()}
    fixed = Beforehand.parse(found["claim/beforehand.json"])
    with pytest.raises(ClaimError, match="without seeds"):
        fixed.check_ring(KeyRing(bytes(32), anchor=bytes(32)))
    text = found["claim/secret.key"].replace(b"sif-key-ring 3", b"sif-key-ring 2")
    found["claim/secret.key"] = text
    resigned(found, claim.key)
    assert audited(found, tmp_path / "b.zip", claim.means).failed == "keys"


def test_gaps_cost_by_the_questions_of_the_batch(authority: Authority, tmp_path: Path) -> None:
    owned = make_owned(tmp_path, authority, triggers=24, batches=2)
    told: dict[str, Any] = dict(answers(owned, green=28, scored=30))
    first = as_committed(owned, 1)
    told[_order(first)[0]] = Unanswered(reason="timeout")
    bundle = dispute(owned, told, tmp_path / "run", 1, "suspect")
    found = audit(bundle, Means(roots=load_roots([authority.root])))
    assert found.supported, found.steps
    assert "1 of 12 questions without an answer" in found.step("grinding").sentence
    off = 13.3979 + 0.3010 + 0.0434 + 2.0792 + leaning(tmp_path / "run")
    assert found.log10_discount == pytest.approx(off, abs=1e-3)


def _order(fingerprint: FingerprintSet) -> list[str]:
    from sif.ownership.order import in_order
    from sif.ownership.policy import Policy

    return [one.record.id for one in in_order(fingerprint, Policy(order="drawn"))]


def test_a_few_triggers_serve_two_disputes_and_one_batch_may_be_all(
    authority: Authority, tmp_path: Path
) -> None:
    owned = make_owned(tmp_path / "two", authority, triggers=24, batches=2)
    told = answers(owned, green=28, scored=30)
    means = Means(roots=load_roots([authority.root]))
    for number in (1, 2):
        bundle = dispute(owned, told, tmp_path / f"two {number}", number, f"suspect-{number}")
        found = audit(bundle, means)
        assert found.supported, found.steps
        assert "12 of 24 triggers revealed, 12 stay secret" in found.step("secret").sentence
    whole = make_owned(tmp_path / "one", authority, triggers=12, batches=1)
    assert read_commitment(whole.folder).header.batches is None
    told = answers(whole, green=28, scored=30)
    bundle = dispute(whole, told, tmp_path / "one run", None, "suspect")
    with zipfile.ZipFile(bundle) as archive:
        assert "claim/secret.key" in archive.namelist()
    reveal(whole, tmp_path / "one run", bundle, triggers=Extent.BATCH)
    found = audit(bundle, means)
    assert found.supported, found.steps
    assert "12 of 12 triggers revealed, 0 stay secret" in found.step("secret").sentence
    with pytest.raises(ClaimError, match="no batches"):
        dispute(whole, told, tmp_path / "named", 1, "other")


def test_a_batch_of_four_is_too_small_for_its_control(authority: Authority, tmp_path: Path) -> None:
    """Four pairs cannot show at 1% that triggers differ from base pictures; no claim is made."""
    owned = make_owned(tmp_path, authority, triggers=8, batches=2)
    dispute(owned, answers(owned, green=28, scored=30), tmp_path / "run", 1, "suspect")
    verdict = read_verdict(tmp_path / "run")
    assert verdict.decision is Decision.INCONCLUSIVE
    assert verdict.control is not None
    assert verdict.control.pairs_log10_e_value < 2
    assert audit(tmp_path / "run.zip", Means()).failed is not None


def test_batches_need_seeds_triggers_and_a_timestamp(authority: Authority, tmp_path: Path) -> None:
    plain = make_up(tmp_path / "plain", triggers=8, vocabulary_size=600)
    rules = rules_of_run(plain.folder, alpha=1e-6, alpha_transfer=0.01, anchored=False)
    with pytest.raises(ClaimError, match="keys with seeds"):
        commit(plain, policy=rules.policy, alpha=1e-6, batches=2)
    with pytest.raises(UsageError, match="1 or more"):
        commit(plain, policy=rules.policy, alpha=1e-6, batches=0)
    with pytest.raises(UsageError, match="1 or more"):
        rules_of_run(plain.folder, alpha=1e-6, alpha_transfer=0.01, anchored=True, batches=0)
    with pytest.raises(ClaimError, match="at least one trigger"):
        make_owned(tmp_path / "few", authority, triggers=3, batches=4)
    owned = make_owned(tmp_path / "late", authority, triggers=8, batches=2)
    (owned.folder / "claim" / "timestamp.tsr").unlink()
    with pytest.raises(ClaimError, match="sif claim timestamp"):
        dispute(owned, {}, tmp_path / "run", 1, "suspect")


def test_keys_without_seeds_are_revealed_whole_or_not_at_all(tmp_path: Path) -> None:
    owned = make_up(tmp_path / "fp", triggers=8, vocabulary_size=600)
    rules = rules_of_run(
        owned.folder,
        alpha=1e-6,
        alpha_transfer=0.01,
        anchored=False,
        default={"minimum_answers": 3},
    )
    commit(owned, policy=rules.policy, alpha=1e-6)
    told = answers(owned, green=28, scored=30)
    dispute(owned, told, tmp_path / "run", None, "suspect")
    with pytest.raises(ClaimError, match="--triggers all"):
        reveal(owned, tmp_path / "run", tmp_path / "b.zip", triggers=Extent.BATCH)


def test_the_same_commitment_again_changes_no_byte(owned: FingerprintSet, folder: Path) -> None:
    path = owned.folder / "claim" / "commitment.dsse.json"
    before, header = path.read_bytes(), read_commitment(owned.folder).header
    commit(owned, policy=header.policy, alpha=1e-6, anchor=folder / "secret", batches=2)
    assert path.read_bytes() == before
    with pytest.raises(ClaimError, match="batches"):
        commit(owned, policy=header.policy, alpha=1e-6, anchor=folder / "secret")


def test_a_whole_dispute_logs_and_shows_no_seed(
    owned: FingerprintSet, claim: Claim, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    reveal(owned, claim.run, tmp_path / "b.zip")
    found = audit(tmp_path / "b.zip", claim.means)
    keys = keys_of(owned)
    text = caplog.text + found.model_dump_json()
    for label in (one.record.id for one in owned.triggers):
        assert keys.seed(label).hex() not in text
        assert keys.key(label).hex() not in text


@pytest.mark.slow
def test_of_two_hundred_mutations_of_a_batch_s_bundle_none_stays_verified(
    claim: Claim, files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.fsync", lambda handle: None)
    means = dataclasses.replace(claim.all_means, suspect=asked(claim.says(), "suspect-2"))
    assert audited(files, tmp_path / "b.zip", means).outcome is Outcome.VERIFIED
    rng, done = random.Random(16), 0
    while done < 200:
        changed = dict(files)
        name = _mutate(changed, rng)
        if changed == files:
            continue
        found = audited(changed, tmp_path / "b.zip", means)
        assert found.outcome is Outcome.REFUTED, (done, name)
        done += 1
