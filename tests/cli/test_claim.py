"""`sif claim` from the secret to the audit, with a real authority and a real endpoint."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)

from sif.claims import read_commitment
from sif.claims.audit import STEPS
from sif.claims.signing import SigningKey
from sif.fingerprint.folder import FingerprintSet
from sif.watermark.keys import KeyRing
from tests.claims.authority import Authority
from tests.claims.checked_twice import watch
from tests.claims.endpoint import serving
from tests.cli.command import Run, assert_one_line
from tools.time_audit import answers, build_tokenizer, make_up


@pytest.fixture(scope="module", autouse=True)
def compared() -> Iterator[list[str]]:
    """Every audit is made twice, the second time by other means."""
    with pytest.MonkeyPatch.context() as patch:
        yield watch(patch)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tsa") / "tsa")


@pytest.fixture(scope="module")
def url(authority: Authority) -> Iterator[str]:
    with authority.serving() as url:
        yield url


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """As much of a model as its tokenizer."""
    build_tokenizer(600).save_pretrained(tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def owned(sif: Run, model: Path, tmp_path: Path, url: str, authority: Authority) -> FingerprintSet:
    """A made-up fingerprint whose keys hang on a token."""
    code, out, error = sif(
        *("claim", "secret", model, "--out", tmp_path / "secret", "--tsa", url),
        *("--tsa-certificate", authority.root),
    )
    assert code == 0, error
    assert "its signature is checked" in out
    keys = KeyRing.load(tmp_path / "secret" / "secret.key")
    return make_up(tmp_path / "fp", triggers=24, vocabulary_size=600, keys=keys)


@pytest.fixture
def suspect(owned: FingerprintSet) -> Iterator[str]:
    with serving(owned, answers(owned, green=25, scored=30)) as uri:
        yield uri


@pytest.fixture
def innocent(owned: FingerprintSet) -> Iterator[str]:
    with serving(owned, answers(owned, green=15, scored=30, seed=1)) as uri:
        yield uri


@pytest.fixture
def bundled(
    sif: Run, owned: FingerprintSet, suspect: str, tmp_path: Path, url: str
) -> Callable[..., Path]:
    """From the commitment to the bundle; further words go to `sif verify`, an example to both."""

    def make(*options: str) -> Path:
        folder, run, bundle = owned.folder, tmp_path / "run", tmp_path / "theirs.zip"
        shared = options if "--example" in options else ()
        for command in (
            ("claim", "commit", folder, "--anchor", tmp_path / "secret", *shared),
            ("claim", "timestamp", folder, "--tsa", url),
            ("verify", folder, suspect, "--committed", "--run", run, *options),
            ("claim", "reveal", folder, "--run", run, "--out", bundle),
        ):
            code, _, error = sif(*command)
            assert code == 0, error
        return bundle

    return make


def test_a_whole_claim_is_verified_with_everything_checked(
    sif: Run,
    bundled: Callable[..., Path],
    owned: FingerprintSet,
    suspect: str,
    innocent: str,
    model: Path,
    authority: Authority,
) -> None:
    assert sif("calibrate", owned.folder, "--panel", innocent)[0] == 0
    bundle = bundled()
    assert read_commitment(owned.folder).header.policy.alpha == pytest.approx(9.05e-14, rel=1e-3)
    code, out, error = sif(
        *("claim", "audit", bundle, "--tsa-certificate", authority.root),
        *("--public-key", owned.folder / "claim" / "public.pem", "--released", "2099-01-01"),
        *("--tokenizer", model, "--suspect", suspect, "--panel", innocent, "--require", "verified"),
        *("--model-released", "2099-01-01"),
    )
    assert code == 0, out + error
    rows = out.splitlines()
    assert [row.split()[:3] for row in rows[: len(STEPS)]] == [
        [str(number), "pass", name] for number, name in enumerate(STEPS, start=1)
    ]
    assert rows[len(STEPS)].startswith("VERIFIED")
    secret = (owned.folder / "secret.key").read_text().split("\n")[1]
    assert secret not in out + error


def test_a_passphrase_is_taken_from_the_environment_and_never_shown(
    sif: Run, owned: FingerprintSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, how = Ed25519PrivateKey.generate(), BestAvailableEncryption(b"correct horse")
    path = tmp_path / "mine.key"
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how))
    path.chmod(0o600)
    command = ("claim", "commit", owned.folder, "--signing-key", path)
    code, _, error = sif(*command)
    assert code == 2
    assert_one_line(error, "passphrase of", "SIF_SIGNING_PASSPHRASE", "no terminal")
    monkeypatch.setenv("SIF_SIGNING_PASSPHRASE", "wrong horse")
    code, _, error = sif("-vv", *command)
    assert code == 1
    assert "the passphrase is another one" in error
    assert "wrong horse" not in error
    monkeypatch.setenv("SIF_SIGNING_PASSPHRASE", "correct horse")
    code, out, error = sif("-vv", *command)
    assert code == 0, error
    assert "correct horse" not in out + error
    assert not (owned.folder / "claim" / "signing.key").exists()


def test_a_witness_signs_by_command_and_the_audit_names_him(
    sif: Run,
    bundled: Callable[..., Path],
    owned: FingerprintSet,
    tmp_path: Path,
    authority: Authority,
) -> None:
    bundled()
    committed, key = owned.folder / "claim" / "commitment.dsse.json", tmp_path / "notary.key"
    code, out, error = sif("claim", "witness", committed, "--signing-key", key)
    assert code == 0, error
    assert "now with 2 signatures" in out
    code, _, error = sif("claim", "witness", committed, "--signing-key", key)
    assert code == 1
    assert_one_line(error, "already")
    public = tmp_path / "notary.pem"
    public.write_bytes(SigningKey.load(key).public.pem)
    bundle = tmp_path / "again.zip"
    assert sif("claim", "reveal", owned.folder, "--run", tmp_path / "run", "--out", bundle)[0] == 0
    code, out, error = sif(
        *("claim", "audit", bundle, "--witness", public, "--tsa-certificate", authority.root)
    )
    assert code == 0, error
    assert "by the given witnesses" in out


def test_a_key_behind_a_uri_without_its_library_is_one_line(
    sif: Run, owned: FingerprintSet, tmp_path: Path
) -> None:
    command = ("claim", "commit", owned.folder, "--signing-key", "hsm:2")
    code, _, error = sif(*command)
    assert code == 1
    assert_one_line(error, "--signing-public-key")
    public = tmp_path / "public.pem"
    public.write_bytes(SigningKey.open(tmp_path / "it").public.pem)
    code, _, error = sif(*command, "--signing-public-key", public)
    assert code == 1
    assert_one_line(error, "cannot sign with hsm:2")


def test_json_holds_the_same_steps(
    sif: Run, bundled: Callable[..., Path], authority: Authority
) -> None:
    bundle = bundled()
    code, out, _ = sif("claim", "audit", bundle, "--tsa-certificate", authority.root, "--json")
    found = json.loads(out)
    assert code == 0
    assert found["outcome"] == "consistent"
    assert "suspect" in found["not_checked"]
    assert found["supported"] is True
    status = {step["name"]: step["status"] for step in found["steps"]}
    assert list(status) == list(STEPS)
    assert status["suspect"] == "not checked"
    bundle.write_bytes(bundle.read_bytes()[:-9])
    code, out, error = sif("claim", "audit", bundle, "--json")
    assert code == 1
    assert json.loads(out)["failed"] == "bundle"
    assert_one_line(error, "step 1 (bundle) fails", "cut short")


def test_scripts_can_rely_on_the_exit_code(
    sif: Run, bundled: Callable[..., Path], authority: Authority
) -> None:
    words = ("claim", "audit", bundled(), "--tsa-certificate", authority.root)
    for options, expected in (
        ((), 0),
        (("--require", "consistent"), 0),
        (("--require", "verified"), 3),
        (("--alpha", "1e-300"), 1),
        (("--alpha", "1e-300", "--require", "consistent"), 3),
        (("--alpha", "0.7"), 2),
    ):
        code, out, error = sif(*words, *options)
        assert code == expected, (options, out, error)
    assert (
        sif(*words, "--require", "verified")[1]
        .splitlines()[-1]
        .startswith("CONSISTENT, NOT VERIFIED (not checked: owner, ")
    )
    code, _, error = sif("claim", "audit", "nowhere.zip", "--require", "consistent")
    assert code == 1
    assert_one_line(error, "no file")


def test_a_panel_that_fires_fails_the_audit(
    sif: Run, bundled: Callable[..., Path], suspect: str, authority: Authority
) -> None:
    code, _, error = sif(
        *("claim", "audit", bundled(), "--tsa-certificate", authority.root, "--panel", suspect)
    )
    assert code == 1
    assert_one_line(error, "(panel) fails", "above the limit")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--image-attack", "jpeg:80"), "the attack jpeg:80 on the images"),
        (("--example", "A small red circle."), "an example before every prompt"),
    ],
)
def test_what_the_claimant_changed_on_the_way_is_said_and_done_to_the_panel_too(
    sif: Run,
    bundled: Callable[..., Path],
    innocent: str,
    authority: Authority,
    options: tuple[str, str],
    words: str,
) -> None:
    bundle = bundled(*options)
    code, out, error = sif(
        *("claim", "audit", bundle, "--tsa-certificate", authority.root, "--panel", innocent)
    )
    assert code == 0, error
    (journal,) = [row for row in out.splitlines() if " journal " in row]
    assert words in journal
    assert "a run to be stated" in journal


def test_settings_of_the_address_are_said(
    sif: Run, owned: FingerprintSet, suspect: str, tmp_path: Path
) -> None:
    folder, run = owned.folder, tmp_path / "run"
    other = f"{suspect}?temperature=0.5"
    assert sif("claim", "commit", folder, "--anchor", tmp_path / "secret")[0] == 0
    assert sif("verify", folder, other, "--committed", "--run", run)[0] == 0
    code, out, _ = sif("claim", "reveal", folder, "--run", run, "--out", tmp_path / "b.zip")
    assert code == 0
    assert "no timestamp" in out
    code, out, error = sif("claim", "audit", tmp_path / "b.zip")
    assert code == 0, error
    assert "asked with settings temperature=0.5" in out
    assert "log10 e-value" in out


def test_without_a_network_the_same_goes_through_files(
    sif: Run, model: Path, tmp_path: Path, authority: Authority
) -> None:
    query, answer = tmp_path / "it.tsq", tmp_path / "it.tsr"
    secret = tmp_path / "secret"
    assert sif("claim", "secret", model, "--out", secret, "--request", query)[0] == 0
    assert sif("claim", "secret", "--out", secret, "--request", tmp_path / "again.tsq")[0] == 0
    assert (tmp_path / "again.tsq").read_bytes() == query.read_bytes()
    answer.write_bytes(authority.reply(query.read_bytes()))
    certificate = ("--tsa-certificate", authority.root)
    code, out, error = sif("claim", "secret", "--out", secret, "--response", answer, *certificate)
    assert code == 0, error
    keys = KeyRing.load(secret / "secret.key")
    folder = make_up(tmp_path / "fp", triggers=3, vocabulary_size=600, keys=keys).folder
    assert sif("claim", "commit", folder, "--anchor", secret)[0] == 0
    assert sif("claim", "timestamp", folder, "--request", query)[0] == 0
    code, _, error = sif("claim", "timestamp", folder, "--response", answer, *certificate)
    assert code == 1
    assert_one_line(error, "over other bytes")
    answer.write_bytes(authority.reply(query.read_bytes()))
    code, out, error = sif("claim", "timestamp", folder, "--response", answer, *certificate)
    assert code == 0, error
    assert "its signature is checked" in out


def test_a_policy_file_decides_all_but_alpha(
    sif: Run, owned: FingerprintSet, tmp_path: Path
) -> None:
    (tmp_path / "policy.json").write_text('{"repeats": 2, "minimum_answers": 4}')
    code, _, error = sif("claim", "commit", owned.folder, "--policy", tmp_path / "policy.json")
    assert code == 0, error
    policy = read_commitment(owned.folder).header.policy
    assert (policy.repeats, policy.minimum_answers) == (2, 4)
    assert policy.alpha == pytest.approx(1e-6 / 2**40 / 10**0.0434, rel=1e-3)


def test_what_was_calibrated_is_committed_to_and_lowered_by_the_discount(
    sif: Run, owned: FingerprintSet, innocent: str, tmp_path: Path
) -> None:
    code, _, error = sif("calibrate", owned.folder, "--panel", innocent)
    assert code == 0, error
    assert sif("claim", "commit", owned.folder, "--anchor", tmp_path / "secret")[0] == 0
    header = read_commitment(owned.folder).header
    measured = json.loads((owned.folder / "calibration.json").read_text())
    assert header.policy.transfer_allowance == measured["allowance"]
    assert header.policy.alpha_transfer == pytest.approx(9.05e-10, rel=1e-3)
    assert header.alpha_transfer == 0.01
    assert not header.policy.weighted
    assert "calibration.json" in header.files


def test_another_policy_in_the_run_is_refused_when_revealing(
    sif: Run, owned: FingerprintSet, suspect: str, tmp_path: Path
) -> None:
    assert sif("claim", "commit", owned.folder, "--anchor", tmp_path / "secret")[0] == 0
    assert sif("verify", owned.folder, suspect, "--run", tmp_path / "run")[0] == 0
    code, _, error = sif(
        *("claim", "reveal", owned.folder, "--run", tmp_path / "run", "--out", tmp_path / "b.zip")
    )
    assert code == 1
    assert_one_line(error, "committed policy", "alpha", "--committed")


def test_bad_input_is_one_line_each(sif: Run, owned: FingerprintSet, tmp_path: Path) -> None:
    folder, nowhere = owned.folder, tmp_path / "nowhere"
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / "secret.key").unlink()
    foreign = tmp_path / "foreign.key"
    KeyRing.generate().save(foreign)
    (tmp_path / "text").write_text("hello")
    cases: list[tuple[tuple[object, ...], int, str]] = [
        (("commit", nowhere), 1, "fingerprint folder"),
        (("commit", copy), 1, "secret key"),
        (("commit", copy, "--secret", foreign), 1, "name the right key file"),
        (("commit", folder, "--anchor", nowhere), 1, "--anchor"),
        (("commit", folder, "--alpha", "7"), 2, "alpha"),
        (("commit", folder, "--policy", tmp_path / "text"), 2, "JSON of a policy"),
        (("timestamp", folder), 2, "--tsa"),
        (("timestamp", folder, "--tsa", "file:///x"), 1, "sif claim commit"),
        (("timestamp", folder, "--response", nowhere), 1, "missing"),
        (("reveal", folder, "--run", nowhere, "--out", tmp_path / "b"), 1, "sif claim commit"),
        (("audit", nowhere), 1, "no file"),
        (("audit", tmp_path / "text"), 1, "damaged or cut short"),
        (("audit", nowhere, "--tsa-certificate", tmp_path / "text"), 1, "root certificates"),
        (("audit", nowhere, "--public-key", tmp_path / "text"), 1, "public key"),
        (("audit", nowhere, "--panel", ""), 2, "expected a suspect"),
        (("audit", nowhere, "--grinding-budget", "0"), 2, "at least 1"),
        (("secret", "--out", nowhere, "--request", tmp_path / "q"), 2, "your model"),
        (
            ("secret", tmp_path / "text", "--out", nowhere, "--request", tmp_path / "q"),
            1,
            "model folder",
        ),
    ]
    for command, expected, words in cases:
        code, _, error = sif("claim", *command)
        assert code == expected, (command, error)
        assert_one_line(error, words)


def test_a_manifest_edited_by_hand_is_refused(
    sif: Run, owned: FingerprintSet, tmp_path: Path
) -> None:
    assert sif("claim", "commit", owned.folder)[0] == 0
    path = owned.folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["triggers"][0]["prompt"] = "Say green."
    path.write_text(json.dumps(manifest))
    code, _, error = sif("claim", "commit", owned.folder)
    assert code == 1
    assert_one_line(error, "manifest.json", "never replaced")
    manifest["schema_version"] = 7
    path.write_text(json.dumps(manifest))
    code, _, error = sif("claim", "commit", owned.folder)
    assert code == 1
    assert_one_line(error, "manifest of version 1")


def test_one_fingerprint_serves_two_disputes(
    sif: Run,
    owned: FingerprintSet,
    suspect: str,
    innocent: str,
    tmp_path: Path,
    url: str,
    authority: Authority,
) -> None:
    folder, secret = owned.folder, (owned.folder / "secret.key").read_text().split("\n")[1]
    code, out, error = sif(
        "claim", "commit", folder, "--anchor", tmp_path / "secret", "--batches", "2"
    )
    assert code == 0, error
    assert "of which 13.7 will be taken off" in out
    words = ("verify", folder, suspect, "--committed", "--run", tmp_path / "run 1")
    code, _, error = sif(*words, "--claim-batch", "1")
    assert code == 1
    assert_one_line(error, "sif claim timestamp")
    assert sif("claim", "timestamp", folder, "--tsa", url)[0] == 0
    code, _, error = sif(*words)
    assert code == 1
    assert_one_line(error, "--claim-batch", "1 to 2")
    for number in ("1", "2"):
        run, bundle = tmp_path / f"run {number}", tmp_path / f"{number}.zip"
        ask = ("verify", folder, suspect, "--committed", "--run", run, "--claim-batch", number)
        assert sif(*ask)[0] == 0
        code, out, error = sif("claim", "reveal", folder, "--run", run, "--out", bundle)
        assert code == 0, error
        assert "holds the seeds of its batch, no others (mode 0600)" in out
        code, out, error = sif("claim", "audit", bundle, "--tsa-certificate", authority.root)
        assert code == 0, out + error
        assert "12 of 24 triggers revealed, 12 stay secret" in out
        assert f"batch {number} of 2" in out
        assert secret not in out + error
    everything = (*("claim", "reveal", folder, "--run", run), "--out", tmp_path / "all.zip")
    code, out, _ = sif(*everything, "--triggers", "all")
    assert code == 0
    assert "holds your secret key" in out
    code, _, error = sif("verify", folder, suspect, "--claim-batch", "1")
    assert code == 2
    assert_one_line(error, "committed")
