"""Campaign files: what they may say, and the line and field of what they may not."""

import re
from pathlib import Path

import pytest

from sif.errors import UsageError
from sif.http.lanes import Pace
from sif.session.campaign.campaign_file import Campaign, example_file, slug
from sif.session.campaign.campaign_reader import read_campaign

GOOD = """\
fingerprints:
  - fp
  - {fingerprint: sub/other, label: other, secret: keys/k, policy: {budget: 4}}
suspects:
  - openai:http://127.0.0.1:8000/v1#mini
  - suspect: hf:stolen?base=base
    label: 7
    image_attacks: [jpeg:75]
    example: "@example.txt"
  - hf:some/hub-id
alpha: 1e-4
limits: {at_a_time: 4, per_second: 2, hosts: {127.0.0.1: {at_a_time: 1}}}
out: audits
"""


def _write(folder: Path, text: str) -> Path:
    path = folder / "campaign.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def _read(folder: Path, text: str) -> Campaign:
    for name in ("stolen", "base"):
        (folder / name).mkdir(exist_ok=True)
    (folder / "example.txt").write_text("a red\n circle")
    return read_campaign(_write(folder, text))


def test_paths_are_those_beside_the_file_and_labels_are_made(tmp_path: Path) -> None:
    found = _read(tmp_path, GOOD)
    fp, other = found.fingerprints
    assert (fp.fingerprint, fp.label) == (str(tmp_path / "fp"), "fp")
    assert (other.secret, other.policy and other.policy.budget) == (str(tmp_path / "keys/k"), 4)
    endpoint, stolen, hub = found.suspects
    assert endpoint.label == endpoint.name == "openai:http://127.0.0.1:8000/v1#mini"
    assert stolen.suspect.startswith(f"hf:{tmp_path}/stolen?base=")
    assert stolen.address is not None
    assert getattr(stolen.address.options, "base", None) == str(tmp_path / "base")
    assert (stolen.label, stolen.example) == ("7", "a red circle")
    assert hub.suspect == "hf:some/hub-id"
    assert found.alpha == 1e-4
    assert found.out == str(tmp_path / "audits")
    assert found.limits.pace("127.0.0.1:8000") == Pace(1, 2.0)
    assert found.limits.pace("elsewhere:80") == Pace(4, 2.0)


def test_the_example_is_read_and_names_every_field(tmp_path: Path) -> None:
    found = _read(tmp_path, example_file())
    assert [one.label for one in found.suspects] == ["stolen", "not mine", "shop"]
    text = example_file()
    for name in ("secret", "claim_batch", "answer_attacks", "control", "minimum_answers"):
        assert name in text
    whole = re.sub(r"^# ( *[\w-])", r"  \1", text, flags=re.MULTILINE)
    for name in Campaign.model_fields:
        assert f"\n{name}:" in whole


BAD = {
    "an unknown field": ("alpha:", "alhpa:", r"line 11: alhpa: no such field; known here are fing"),
    "… of a suspect": (
        "label: 7",
        "lable: 7",
        r"line 7: suspects\.1\.lable: no such field; known here are suspect, label, group",
    ),
    "… of a policy": (
        "budget: 4",
        "bugdet: 4",
        r"line 3: fingerprints\.1\.policy\.bugdet: no such field; known here are alpha_transfer",
    ),
    "… of a host": (
        "{at_a_time: 1}",
        "{speed: 1}",
        r"hosts\.127\.0\.0\.1\.speed: no such field; known here are at_a_time, per_second",
    ),
    "no suspects": (
        re.compile(r"suspects:.*hub-id\n", re.DOTALL),
        "",
        r"line 1: suspects: expected this field, got none",
    ),
    "an empty list": (
        re.compile(r"suspects:.*hub-id\n", re.DOTALL),
        "suspects: []\n",
        r"line 4: suspects: .*at least 1 item",
    ),
    "a wrong alpha": ("1e-4", "0.7", r"line 11: alpha: input should be less than 0\.5, got 0\.7"),
    "words for alpha": ("1e-4", "tiny", r"line 11: alpha: .*valid number.*'tiny'"),
    "a wrong group": ("label: 7", "group: thief", r"line 7: suspects\.1\.group: .*'copy'"),
    "no pace": ("at_a_time: 4", "at_a_time: 0", r"line 12: limits\.at_a_time: .*equal to 1, got 0"),
    "an unknown attack": ("jpeg:75", "jpg:75", r"line 6: suspects\.1: .*'?jpg"),
    "a missing example": ("@example", "@nowhere", r"line 6: suspects\.1: .*nowhere\.txt"),
    "a host that nobody is at": (
        "127.0.0.1: {",
        "elsewhere: {",
        r"line 12: limits\.hosts: no suspect is at 'elsewhere'; known are 127\.0\.0\.1, 127",
    ),
    "the same suspect twice": (
        "hf:some/hub-id",
        "openai:http://127.0.0.1:8000/v1#mini?concurrency=2",
        r"line 10: suspects\.2: the same label as in line 5",
    ),
    "… under other labels": (
        "- hf:some/hub-id",
        "- {suspect: 'openai:http://127.0.0.1:8000/v1#mini?attempts=2', label: b}",
        r"line 10: suspects\.2: the same address and manner as in line 5",
    ),
    "a label twice": (
        "- hf:some/hub-id",
        "- {suspect: hf:some/hub-id, label: 7}",
        r"line 10: suspects\.2: the same label as in line 6, '7'",
    ),
    "labels that one folder would hold": (
        "- hf:some/hub-id",
        "- {suspect: hf:a/b, label: A}\n  - {suspect: hf:c/d, label: a}",
        r"line 11: suspects\.3: the same label as in line 10",
    ),
    "… of which one pretends to be the other's folder": (
        "- hf:some/hub-id",
        "- {suspect: hf:a/b, label: x y}\n  - {suspect: hf:c/d, label: x-y-887fcea6}",
        r"line 11: suspects\.3: the same label as in line 10",
    ),
    "labels that look the same": (
        "- hf:some/hub-id",
        "- {suspect: hf:a/b, label: caf\u00e9}\n  - {suspect: hf:c/d, label: cafe\u0301}",
        r"line 11: suspects\.3: the same label as in line 10",
    ),
    "a fingerprint under two labels": (
        "- fp",
        "- fp\n  - {fingerprint: sub/../fp, label: fp-again}",
        r"line 3: fingerprints\.1: the same folder as in line 2",
    ),
    "somebody's home": ("out: audits", "out: ~nosuch/x", r"line 13: out: expected a path, got"),
    "a path that no system takes": (
        "- fp",
        '- "a\\0b"',
        r"line 2: fingerprints\.0: expected a path",
    ),
    "a folder without a name": ("- fp", "- /", r"line 2: fingerprints\.0: expected a label"),
    "a host under two names": (
        "127.0.0.1: {at_a_time: 1}",
        "127.0.0.1: {at_a_time: 1}, LOCALHOST: {at_a_time: 9}",
        r"line 12: limits\.hosts: .*every host once",
    ),
    "no number": ("per_second: 2", "per_second: .nan", r"line 12: limits\.per_second: .*finite"),
    "questions without end": ("budget: 4", "repeats: 99999999999999", r"policy\.repeats: .*1000"),
    "a field twice": ("out: audits", "out: audits\nout: b", r"line 14: 'out' is said twice"),
    "both rules": (
        "policy: {",
        "committed: true, policy: {",
        r"line 3: fingerprints\.1: expected either the rules",
    ),
    "a batch of no claim": ("secret: keys/k", "claim_batch: 2", r"line 3: .*set committed"),
    "no YAML": ("out: audits", "out: [", r"expected a campaign in YAML"),
    "control characters": ("label: 7", 'label: "a\\e[2Jb"', r"line 7: suspects\.1\.label"),
    "no room for a family": ("alpha: 1e-4", "family_wise: 0", r"line 11: family_wise: "),
    "aliases without end": ("out: audits", "out: &a [*a]", r"expected a campaign in YAML"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_told_with_line_and_field(case: str, tmp_path: Path) -> None:
    old, new, expected = BAD[case]
    text = old.sub(new, GOOD) if isinstance(old, re.Pattern) else GOOD.replace(old, new)
    assert text != GOOD
    with pytest.raises(UsageError) as caught:
        _read(tmp_path, text)
    assert re.search(expected, str(caught.value)), caught.value
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "words", "7"])
def test_a_file_of_something_else_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="audit-all --example"):
        read_campaign(_write(tmp_path, text))


def test_no_file_no_text_and_a_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"out: \xe9")
    for name in ("nowhere.yaml", "latin.yaml", "."):
        with pytest.raises(UsageError, match="expected a campaign in YAML"):
            read_campaign(tmp_path / name)


def test_a_wrong_address_is_its_suspects_affair_and_no_secret_of_it_is_shown(
    tmp_path: Path,
) -> None:
    wrong = "openai:http://me:hunter2@127.0.0.1:8000/v1#mini"
    found = _read(tmp_path, GOOD.replace("hf:some/hub-id", wrong))
    assert found.suspects[2].address is None
    assert "hunter2" not in found.suspects[2].label + found.suspects[2].name


@pytest.mark.parametrize(
    "wrong",
    [
        "{{suspect: [{}]}}",
        "[{}]",
        "[{}]]",  # no YAML
        "{{suspect: hf:a, label: [b], group: }} {}",
    ],
)
def test_an_address_at_a_wrong_place_is_not_said_again(wrong: str, tmp_path: Path) -> None:
    secret = wrong.format("openai:http://me:hunter2@127.0.0.1:8000/v1#mini")
    with pytest.raises(UsageError) as caught:
        _read(tmp_path, GOOD.replace("hf:some/hub-id", secret))
    assert "hunter2" not in str(caught.value)


def test_a_long_address_makes_a_label_of_its_own_that_is_not_long(tmp_path: Path) -> None:
    long = "- hf:some/" + "x" * 9_000
    found = _read(tmp_path, GOOD.replace("- hf:some/hub-id", f"{long}a\n  {long}b"))
    labels = {one.label for one in found.suspects}
    assert len(labels) == 4
    assert max(map(len, labels)) <= 100


def test_a_folder_in_somebody_elses_home_is_its_suspects_affair(tmp_path: Path) -> None:
    found = _read(tmp_path, GOOD.replace("hf:some/hub-id", "hf:~nosuch/model"))
    assert found.suspects[2].suspect == "hf:~nosuch/model"


@pytest.mark.parametrize(("label", "name"), [("shop-1", "shop-1"), ("a/../b", None), ("..", None)])
def test_labels_become_names_of_folders(label: str, name: str | None) -> None:
    made = slug(label)
    assert re.fullmatch(r"[A-Za-z0-9-][A-Za-z0-9._-]*", made)
    assert name is None or made == name


def test_labels_that_look_alike_in_a_folder_have_folders_of_their_own() -> None:
    assert len({slug(one) for one in ("a b", "a-b", "a_b", "a  b", "ä", "ö")}) == 6
