"""Attack: what cuts text into ids is chosen once the keys are known, so that innocents look guilty.

Answers of an innocent model are those of `tests/golden`, whose fingerprint is of before: its
anchor has version 1, and transformers reads its tokenizer with settings beside tokenizer.json.
"""

import dataclasses
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from tokenizers import AddedToken, Tokenizer

from sif.claims import Means, Status, audit, load_roots
from sif.claims.bundle import open_bundle
from sif.claims.canonical import sha256
from sif.claims.check_tokenizer import Text, _first_difference
from sif.claims.commitment import read_statement
from sif.claims.envelope import unseal
from sif.claims.record import parse
from sif.claims.signing import SigningKey
from sif.fingerprint.folder import FingerprintSet
from sif.fingerprint.segmenter import FileSegmenter, FolderSegmenter, tokenizer_json
from sif.ownership.observation import Observation
from sif.ownership.policy import Policy
from sif.ownership.verdict import judge
from sif.suspects.kept import KeptAnswers
from sif.types import Answer
from sif.watermark.greenlist.count import GreenCount, count_green
from tests.claims.made import (
    JOURNAL,
    TOKENIZER_JSON,
    VOCABULARY,
    Change,
    Claim,
    Files,
    audited,
    edited,
    lines,
    named_tokenizer,
    other_tokenizer,
    recommitted,
    resigned,
)
from tools.time_audit import build_tokenizer

GOLDEN = Path(__file__).parent.parent / "golden"
SETTINGS = "fingerprint/tokenizer/tokenizer_config.json"
MOST_WORDS = 67
Cut = Callable[[str], list[int]]


@pytest.fixture(scope="module")
def owned(tmp_path_factory: pytest.TempPathFactory) -> FingerprintSet:
    folder = tmp_path_factory.mktemp("golden") / "fingerprint"
    shutil.copytree(GOLDEN / "fingerprint", folder)
    (folder / "secret.key").chmod(0o600)
    return FingerprintSet.load(folder)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the innocent said to every trigger, from a copy: opening brings a journal up to date."""
    golden = GOLDEN / "runs" / "innocent" / "answers.sqlite"
    with KeptAnswers(Path(shutil.copy(golden, tmp_path_factory.mktemp("told")))) as journal:
        replies = {entry.trigger: entry.reply for entry in journal.answers()}
    return {name: reply.text for name, reply in replies.items() if isinstance(reply, Answer)}


@pytest.fixture
def older(tmp_path: Path) -> Files:
    """The bundle of a claim of before."""
    (tmp_path / "older").mkdir()
    found = open_bundle(GOLDEN / "claim.zip", tmp_path / "older")
    return {name: path.read_bytes() for name, path in found.items()}


@pytest.fixture
def owner(tmp_path: Path) -> SigningKey:
    """Who made that claim."""
    path = Path(shutil.copy(GOLDEN / "fingerprint" / "claim" / "signing.key", tmp_path))
    path.chmod(0o600)
    return SigningKey.load(path)


@pytest.fixture
def means(owner: SigningKey) -> Means:
    """The defaults of when the golden claim was made, but for what is tested here."""
    return Means(
        roots=load_roots([GOLDEN / "root.pem"]),
        public_key=owner.public,
        tokens_tried=1000.0,
        alpha_transfer=0.1,
    )


def counts(owned: FingerprintSet, told: Mapping[str, str], cut: Cut) -> dict[str, GreenCount]:
    """Green words by trigger, where texts are cut so."""
    masks = {name: owned.mask(name) for name in told}
    return {
        name: count_green(cut(text), masks[name], ignore=owned.special_ids)
        for name, text in told.items()
    }


def evidence(owned: FingerprintSet, told: Mapping[str, str], cut: Cut) -> float:
    """log10 of the e-value, all words alike, where texts are cut so."""
    observations = [
        Observation(trigger=name, count=count) for name, count in counts(owned, told, cut).items()
    ]
    sizes = {"vocabulary_size": owned.vocabulary_size, "green_size": owned.green_size}
    return judge(observations, **sizes, policy=Policy(alpha=1e-300)).log10_e_value


def chosen_words(owned: FingerprintSet, told: Mapping[str, str]) -> list[str]:
    """Existing words that raise an innocent's evidence when they are declared as added tokens."""
    content = (owned.folder / "tokenizer" / "tokenizer.json").read_text()
    # What is cut out of words, so short pieces first: they stand in most words.
    words = sorted(
        (w for w in owned.tokenizer.get_vocab() if w.isalpha()), key=lambda word: (len(word), word)
    )
    taken, best = list[str](), excess(counts(owned, told, owned.tokenizer.ids))
    for word in words:
        attempt = Tokenizer.from_str(content)
        attempt.add_tokens([AddedToken(each, normalized=False) for each in (*taken, word)])
        found = excess(counts(owned, told, _cut(attempt)))
        if found > best and len(taken) < MOST_WORDS:
            taken, best = [*taken, word], found
    return taken


def excess(found: Mapping[str, GreenCount]) -> float:
    """How far green words are above their half, in standard deviations."""
    scored = sum(count.scored for count in found.values())
    return sum(count.green - count.scored / 2 for count in found.values()) / (scored / 4) ** 0.5


def _cut(tokenizer: Tokenizer) -> Cut:
    return lambda text: list(tokenizer.encode(text, add_special_tokens=False).ids)


def declared(words: list[str], numbers: Mapping[str, int], **flags: bool) -> dict[str, Any]:
    """Words as `added_tokens_decoder` declares them, under the ids that they have."""
    plain = dict.fromkeys(("special", "lstrip", "rstrip", "normalized", "single_word"), False)
    return {str(numbers[word]): {"content": word, **plain, **flags} for word in words}


def test_words_declared_after_the_keys_moved_an_innocents_evidence_and_do_not_any_more(
    owned: FingerprintSet, told: dict[str, str], tmp_path: Path
) -> None:
    words = chosen_words(owned, told)
    assert 0 < len(words) <= MOST_WORDS
    folder = shutil.copytree(owned.folder / "tokenizer", tmp_path / "tokenizer")
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    settings["added_tokens_decoder"] = declared(words, owned.tokenizer.get_vocab())
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))

    before = FolderSegmenter(folder)  # as all fingerprints were read
    assert len(before) == owned.vocabulary_size
    assert before.all_special_ids == owned.tokenizer.all_special_ids
    assert evidence(owned, told, owned.tokenizer.ids) < 0.5
    assert evidence(owned, told, before.ids) > 3

    data = (folder / "tokenizer.json").read_bytes()
    now = FileSegmenter(data, where="tokenizer.json")
    assert evidence(owned, told, now.ids) < 0.5
    assert {name: now.ids(text) for name, text in told.items()} == {
        name: owned.tokenizer.ids(text) for name, text in told.items()
    }


def _settings(edit: Callable[[dict[str, Any]], Any]) -> Change:
    return edited(SETTINGS, edit)


def _pieces(files: Files) -> dict[str, int]:
    vocabulary = json.loads(files[TOKENIZER_JSON])["model"]["vocab"]
    return {word: index for word, index in vocabulary.items() if len(word) == 1 and word.isalpha()}


def _declare(files: Files) -> None:
    numbers = _pieces(files)
    _settings(lambda s: s.update(added_tokens_decoder=declared(list(numbers), numbers)))(files)


def _declare_in_a_file(files: Files) -> None:
    files["fingerprint/tokenizer/added_tokens.json"] = json.dumps(_pieces(files)).encode()


def _strip(files: Files) -> None:
    numbers = _pieces(files)
    flags = {"lstrip": True, "rstrip": True}
    _settings(lambda s: s.update(added_tokens_decoder=declared(list(numbers), numbers, **flags)))(
        files
    )


def _make_special(files: Files) -> None:
    _settings(lambda s: s.update(extra_special_tokens=["<image>", *_pieces(files)]))(files)


# What the claimant can do to a claim of before, once its keys are known.
SETTINGS_OF_CHOICE: dict[str, tuple[Change, str]] = {
    "words declared in tokenizer_config.json": (_declare, "cut text otherwise"),
    "flags on existing words": (_strip, "cut text otherwise"),
    "another class": (_settings(lambda s: s.update(tokenizer_class="BertTokenizer")), "tokenizer"),
    "words made special": (_make_special, "cut text otherwise"),
    "a class that nobody has": (
        _settings(lambda s: s.update(tokenizer_class=3, backend=[])),
        "tokenizer",
    ),
}


@pytest.mark.parametrize("case", SETTINGS_OF_CHOICE)
def test_settings_of_choice_fail_a_claim_of_before(
    older: Files, owner: SigningKey, means: Means, tmp_path: Path, case: str
) -> None:
    change, words = SETTINGS_OF_CHOICE[case]
    change(older)
    named_tokenizer(older)
    del older["claim/timestamp.tsr"]
    recommitted(older, owner)
    found = audited(older, tmp_path / "b.zip", means)
    assert found.failed == "tokenizer", found.steps
    sentence = found.step("tokenizer").sentence
    assert words in sentence
    assert len(sentence) < 500
    assert sentence.isprintable()


def test_special_ids_of_choice_fail_where_they_cut_nothing_otherwise(
    older: Files, owner: SigningKey, means: Means, tmp_path: Path
) -> None:
    """A word that is declared special as a whole is cut as before, but would not be counted."""
    vocabulary = json.loads(older[TOKENIZER_JSON])["model"]["vocab"]
    texts = {line.text for line in parse(older[JOURNAL]) if line.text}
    absent = next(w for w in vocabulary if w.isalpha() and not any(w in text for text in texts))
    _settings(lambda s: s.update(extra_special_tokens=["<image>", absent]))(older)
    named_tokenizer(older)
    del older["claim/timestamp.tsr"]
    recommitted(older, owner)
    assert audited(older, tmp_path / "b.zip", means).failed == "anchor"
    known = dataclasses.replace(means, tokenizer=GOLDEN / "fingerprint" / "tokenizer")
    found = audited(older, tmp_path / "c.zip", known)
    assert found.failed == "tokenizer"
    assert "special ids" in found.step("tokenizer").sentence


def test_a_claim_of_before_is_read_and_what_its_anchor_leaves_open_is_said(
    older: Files, means: Means, tmp_path: Path
) -> None:
    found = audited(older, tmp_path / "b.zip", means)
    assert found.supported, found.failed
    assert "of an older kind" in found.step("tokenizer").sentence
    assert found.step("anchor").status is Status.PASS
    assert "version 1 fixed" in found.step("anchor").sentence


def _beside(files: Files) -> None:
    numbers = _pieces(files)
    files[SETTINGS] = json.dumps(
        {"added_tokens_decoder": declared(list(numbers), numbers)}
    ).encode()
    _declare_in_a_file(files)


def test_settings_beside_the_one_file_are_not_read_and_not_let_in(
    claim: Claim, files: Files, tmp_path: Path
) -> None:
    folder = shutil.copytree(claim.fingerprint.folder, tmp_path / "fp")
    (folder / "secret.key").chmod(0o600)
    before = FingerprintSet.load(folder)
    expected = {name: before.count(name, [text]) for name, text in claim.told.items()}
    _beside(files)
    named_tokenizer(files)
    for name in (SETTINGS, "fingerprint/tokenizer/added_tokens.json", "fingerprint/manifest.json"):
        (folder / Path(name).relative_to("fingerprint")).write_bytes(files[name])
    after = FingerprintSet.load(folder)
    assert {name: after.count(name, [text]) for name, text in claim.told.items()} == expected
    # In a bundle they are named as strangers, listed in the commitment or not.
    del files["claim/timestamp.tsr"]
    recommitted(files, claim.key)
    assert audited(files, tmp_path / "b.zip", claim.means).failed == "files"
    name = "claim/commitment.dsse.json"
    header, _ = read_statement(unseal(files[name], claim.key.public, where=name))
    strangers = (SETTINGS, "fingerprint/tokenizer/added_tokens.json")
    listed = {path.removeprefix("fingerprint/"): sha256(files[path]) for path in strangers}
    recommitted(files, claim.key, **{"files": header.files | listed})
    found = audited(files, tmp_path / "c.zip", claim.means)
    assert found.failed == "tokenizer"
    assert "one file" in found.step("tokenizer").sentence


def _with(**parts: Any) -> Callable[[bytes], bytes]:
    return lambda data: json.dumps(json.loads(data) | parts).encode()


def _added(**flags: bool) -> Callable[[bytes], bytes]:
    """tokenizer.json itself declares pieces of words as added tokens."""

    def change(data: bytes) -> bytes:
        content = json.loads(data)
        numbers = content["model"]["vocab"]
        words = [word for word in numbers if len(word) == 1 and word.isalpha() and word.isascii()]
        content["added_tokens"] += [
            {"id": int(number), **token}
            for number, token in declared(words, numbers, **flags).items()
        ]
        content["added_tokens"].sort(key=lambda token: token["id"])
        return json.dumps(content).encode()

    return change


FILES_OF_CHOICE: dict[str, Callable[[bytes], bytes]] = {
    "words declared": _added(),
    "words declared that swallow blanks": _added(lstrip=True, single_word=True),
    "words declared special": _added(special=True),
    "capitals lost": _with(normalizer={"type": "Lowercase"}),
    "one blank more": lambda data: data + b" ",
}


@pytest.mark.parametrize("case", FILES_OF_CHOICE)
def test_a_file_of_choice_is_not_the_one_that_was_fixed_before_the_keys(
    claim: Claim, files: Files, tmp_path: Path, case: str
) -> None:
    other_tokenizer(FILES_OF_CHOICE[case])(files)
    del files["claim/timestamp.tsr"]
    recommitted(files, claim.key)
    found = audited(files, tmp_path / "b.zip", claim.means)
    assert found.failed == "anchor", found.steps
    assert "tokenizer is not the one that was fixed" in found.step("anchor").sentence


def test_a_file_that_the_manifest_does_not_name_fails(
    claim: Claim, files: Files, tmp_path: Path
) -> None:
    named = json.loads(files["fingerprint/manifest.json"])["tokenizer_json_sha256"]
    other_tokenizer(_added())(files)
    edited("fingerprint/manifest.json", lambda m: m.update(tokenizer_json_sha256=named))(files)
    del files["claim/timestamp.tsr"]
    recommitted(files, claim.key)
    assert audited(files, tmp_path / "b.zip", claim.means).failed == "tokenizer"


def test_an_older_form_does_not_get_around_a_newer_anchor(
    claim: Claim, files: Files, tmp_path: Path
) -> None:
    edited("fingerprint/manifest.json", lambda m: m.pop("tokenizer_json_sha256"))(files)
    del files["claim/timestamp.tsr"]
    recommitted(files, claim.key)
    assert audited(files, tmp_path / "b.zip", claim.means).failed == "anchor"


# What a tokenizer that the claimant made up differs in from the model's own.
PARTS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "declared words": (_added(), "added tokens"),
    "flags": (_added(lstrip=True), "added tokens"),
    "normaliser": (_with(normalizer={"type": "Lowercase"}), "normaliser"),
    "pre-tokeniser": (_with(pre_tokenizer={"type": "WhitespaceSplit"}), "pre-tokeniser"),
    "post-processor": (
        _with(
            post_processor={
                "type": "ByteLevel",
                "add_prefix_space": True,
                "trim_offsets": True,
                "use_regex": True,
            }
        ),
        "post-processor",
    ),
    "decoder": (_with(decoder={"type": "Fuse"}), "decoder"),
}


@pytest.mark.parametrize("case", PARTS)
def test_the_models_own_tokenizer_shows_what_was_made_up(
    plain: Claim, tmp_path: Path, case: str
) -> None:
    change, part = PARTS[case]
    files = plain.files(tmp_path / "unpacked")
    other_tokenizer(change)(files)
    recommitted(files, plain.key)
    build_tokenizer(VOCABULARY).save_pretrained(tmp_path / "known")
    found = audited(files, tmp_path / "b.zip", Means(tokenizer=tmp_path / "known"))
    assert found.failed == "tokenizer", found.steps
    assert f"another {part} than" in found.step("tokenizer").sentence


def test_other_merges_are_shown_too(plain: Claim, tmp_path: Path) -> None:
    def swapped(data: bytes) -> bytes:
        content = json.loads(data)
        merges = content["model"]["merges"]
        merges[-1], merges[-2] = merges[-2], merges[-1]
        return json.dumps(content).encode()

    files = plain.files(tmp_path / "unpacked")
    other_tokenizer(swapped)(files)
    recommitted(files, plain.key)
    build_tokenizer(VOCABULARY).save_pretrained(tmp_path / "known")
    found = audited(files, tmp_path / "b.zip", Means(tokenizer=tmp_path / "known"))
    assert "another merges than" in found.step("tokenizer").sentence


@pytest.mark.parametrize("whole", [True, False])
def test_the_models_own_tokenizer_is_compared_in_every_answer(
    plain: Claim, tmp_path: Path, whole: bool
) -> None:
    """Also where the auditor has nothing but its tokenizer.json, written in another way."""
    known = tmp_path / "known"
    build_tokenizer(VOCABULARY).save_pretrained(known)
    if not whole:
        for path in known.iterdir():
            if path.name != "tokenizer.json":
                path.unlink()
        content = json.loads((known / "tokenizer.json").read_text())
        (known / "tokenizer.json").write_text(json.dumps(content, indent=4))
    found = audit(plain.bundle, Means(tokenizer=known))
    step = found.step("tokenizer")
    assert step.status is Status.PASS
    files = plain.files(tmp_path / "unpacked")
    answered = len([*files[JOURNAL].splitlines(), *files["run/control.jsonl"].splitlines()])
    assert f"in the ids of {24 + answered} texts" in step.sentence


def test_settings_of_the_known_tokenizer_count(plain: Claim, tmp_path: Path) -> None:
    """The auditor's copy is read as its model reads it, settings and all."""
    known = tmp_path / "known"
    tokenizer = build_tokenizer(VOCABULARY)
    tokenizer.save_pretrained(known)
    settings = json.loads((known / "tokenizer_config.json").read_text())
    settings["added_tokens_decoder"] = declared(["a", "b"], tokenizer.get_vocab())
    (known / "tokenizer_config.json").write_text(json.dumps(settings))
    found = audit(plain.bundle, Means(tokenizer=known))
    assert found.failed == "tokenizer"
    assert "added tokens" in found.step("tokenizer").sentence


def test_the_first_difference_is_named_and_nothing_raw_is_printed() -> None:
    tokenizer = build_tokenizer(VOCABULARY)
    one = FileSegmenter(tokenizer_json(tokenizer), where="one")
    two = FileSegmenter(_added()(tokenizer_json(tokenizer)), where="two")
    text = "42 \x1b[31m\u202e ba" * 50
    found = _first_difference(one, two, [Text("one", "42"), Text("the answer in line 7", text)])
    assert found is not None
    assert found.startswith("the answer in line 7 differs from character ")
    assert found.isascii()
    assert found.isprintable()
    assert len(found) < 200
    assert _first_difference(one, one, [Text("it", text)]) is None


def test_a_tokenizer_that_fails_at_an_answer_fails_its_step(
    claim: Claim, files: Files, tmp_path: Path
) -> None:
    other_tokenizer(_with(pre_tokenizer={"type": "FixedLength", "length": 0}))(files)
    del files["claim/timestamp.tsr"]
    recommitted(files, claim.key)
    found = audited(files, tmp_path / "b.zip", claim.means)
    assert found.failed == "tokenizer"
    assert "\n" not in found.step("tokenizer").sentence


def test_a_journal_that_cannot_be_read_fails_at_its_own_step(
    claim: Claim, files: Files, tmp_path: Path
) -> None:
    lines(lambda rows: rows[0].update(text=None))(files)
    resigned(files, claim.key)
    assert audited(files, tmp_path / "b.zip", claim.means).failed == "journal"


def test_an_anchor_of_version_2_or_later_fixes_the_bytes(claim: Claim) -> None:
    fixed = json.loads((claim.fingerprint.folder / "claim" / "beforehand.json").read_bytes())
    assert fixed["schema_version"] == 3
    assert "words_sha256" not in fixed
    assert fixed["tokenizer_json_sha256"] == claim.fingerprint.manifest.tokenizer_json_sha256
    data = (claim.fingerprint.folder / "tokenizer" / "tokenizer.json").read_bytes()
    assert sha256(data) == fixed["tokenizer_json_sha256"]
