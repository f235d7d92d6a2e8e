import sys
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import yaml

from sif.eval.study import Requirement
from sif.eval.triggers import requirements as checking
from sif.eval.triggers.mini_roster import mini_roster
from sif.eval.triggers.plan import TriggerSettings, make_plan
from sif.eval.triggers.real_roster import RealRoster, real_roster
from sif.eval.triggers.requirements import check
from tests.eval.triggers.lists import entry, little, plan_of
from tests.fingerprint.small import pictures, small_recipe


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A CPU with 24 GiB, room for 100 GB, and an empty hub cache."""
    there = SimpleNamespace(memory=24 * 2**30, disk=100 * 10**9, offline=False, cache={})
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(checking, "memory_of", lambda device: there.memory)
    monkeypatch.setattr(checking, "free_for_downloads", lambda: there.disk)
    monkeypatch.setattr(checking, "is_offline", lambda: there.offline)
    monkeypatch.setattr(checking, "cached_snapshot", there.cache.get)
    return there


@pytest.fixture(autouse=True)
def nine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nine base images, wherever they should be."""
    monkeypatch.setattr(RealRoster, "pictures", lambda roster, count, seed: pictures(9))


def found(roster: RealRoster, **choices: Any) -> dict[str, Requirement]:
    return {one.what: one for one in check(plan_of(roster, **choices))}


def passes(found: Iterable[Requirement]) -> bool:
    """Whether nothing but downloads stands in the way."""
    return all(one.state != "missing" for one in found)


def test_a_roster_of_folders_is_ready_with_nothing_to_download(
    untrained_llava: Path, untrained_qwen: Path
) -> None:
    roster = little(untrained_llava, entry("other", f"hf:{untrained_qwen}", "innocent"))
    findings = found(roster)
    assert list(findings) == [
        "base images",
        "prompts",
        "method sif",
        "source model",
        "suspect source",
        "suspect other",
        "questions",
    ]
    assert {finding.state for finding in findings.values()} == {"ready"}
    assert passes(findings.values())


def test_what_must_be_downloaded_is_counted_once_and_stands_in_no_way(
    untrained_llava: Path, machine: SimpleNamespace
) -> None:
    sizes = {"parameters": 10**9, "disk_gb": 2.0}
    roster = little(
        untrained_llava,
        entry("plain", "hf:org/copy", **sizes),
        entry("nf4", "hf:org/copy?quantize=nf4", **sizes),
        entry("other", "hf:org/other", "innocent", disk_gb=3.0),
        entry("unknown", "hf:org/unknown", "innocent"),
    )
    findings = found(roster)
    assert findings["suspect plain"].state == "download"
    assert findings["suspect plain"].memory == 2 * 10**9
    assert findings["suspect nf4"].memory == 10**9 // 2
    assert findings["suspect unknown"].memory is None
    assert findings["disk"].download_gb == pytest.approx(5.0)
    assert "repositories: 3, 5.0 GB and 1 of unknown size" in findings["disk"].words
    assert passes(findings.values())
    machine.offline = True
    findings = found(roster)
    assert "HF_HUB_OFFLINE" in findings["disk"].words
    assert passes(findings.values())


def test_too_small_a_disk_is_missing(machine: SimpleNamespace) -> None:
    roster = little("org/model", entry("copy", "hf:org/copy", disk_gb=60.0))
    assert found(roster)["disk"].state == "ready"
    machine.disk = 50 * 10**9
    findings = found(roster)
    assert findings["disk"].state == "missing"
    assert "60.0 GB and 1 of unknown size; 50.0 GB free" in findings["disk"].words
    assert not passes(findings.values())


def test_a_suspect_that_is_set_aside_is_neither_counted_nor_missing() -> None:
    aside = entry("far", "hf:org/far", disk_gb=10**6, set_aside="needs code of its own")
    findings = found(little("org/model", aside))
    assert findings["suspect far"].state == "set aside"
    assert findings["suspect far"].words == "needs code of its own"
    assert "repositories: 1" in findings["disk"].words


def test_what_is_in_the_hub_cache_is_told_from_what_is_there_in_part(
    untrained_llava: Path, text_only: Path, tmp_path: Path, machine: SimpleNamespace
) -> None:
    half = tmp_path / "half"
    half.mkdir()
    (half / "config.json").write_text((untrained_llava / "config.json").read_text())
    machine.cache |= {"org/model": untrained_llava, "org/half": half, "org/text": text_only}
    findings = found(
        little("org/model", entry("half", "hf:org/half"), entry("text", "hf:org/text", "innocent"))
    )
    assert (findings["source model"].state, findings["suspect source"].state) == ("ready",) * 2
    assert "in the hub cache" in findings["suspect source"].words
    assert findings["suspect half"].state == "download"
    assert "model.safetensors is missing" in findings["suspect half"].words
    assert findings["suspect text"].state == "missing"
    assert "takes no images" in findings["suspect text"].words


@pytest.mark.parametrize("target", ["/nowhere/at/all", "./model", "model", "a/b/c"])
def test_a_folder_that_is_not_there_is_missing(target: str) -> None:
    findings = found(little("org/model", entry("gone", f"hf:{target}")))
    assert findings["suspect gone"].state == "missing"
    assert target in findings["suspect gone"].words


def test_too_little_memory_for_the_weights_alone_is_missing(machine: SimpleNamespace) -> None:
    many = {"parameters": 7 * 10**9}
    roster = little(
        "org/model",
        entry("half", "hf:org/model?dtype=bfloat16", **many),
        entry("whole", "hf:org/model?dtype=float32", **many),
        entry("int8", "hf:org/model?dtype=float32&quantize=int8", **many),
        source={"model": "org/model", **many},
    )
    findings = found(roster)
    assert findings["suspect half"].state == findings["suspect int8"].state == "download"
    assert findings["suspect whole"].state == "missing"
    assert "26.1 GiB for its weights in float32 alone, cpu has 24.0 GiB" in (
        findings["suspect whole"].words
    )
    assert findings["source model"].state == "missing"
    machine.memory = 27 * 2**30
    assert passes(found(roster).values())


def test_what_options_want_and_the_machine_lacks_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    roster = little(
        "org/model",
        entry("nf4", "hf:org/model?quantize=nf4"),
        entry("far", "hf:org/model?device=cuda:3"),
        entry("pair", "hf:org/model?device=cuda:0,cuda:1"),
        entry("engine", "vllm:org/model"),
    )
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    monkeypatch.setitem(sys.modules, "bitsandbytes", SimpleNamespace())  # type: ignore[arg-type]
    assert {name: f.state for name, f in found(roster).items() if f.state == "missing"} == {
        "suspect far": "missing",
        "suspect pair": "missing",
    }
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    findings = found(roster)
    assert "pip install bitsandbytes" in findings["suspect nf4"].words
    assert "cuda:3 of 0 GPUs" in findings["suspect far"].words
    assert "cuda:0 of 0 GPUs" in findings["suspect pair"].words
    assert "vLLM" in findings["suspect engine"].words
    assert {findings[f"suspect {name}"].state for name in ("nf4", "far", "engine")} == {"missing"}


def test_tensor_parallel_shares_memory_and_needs_so_many_gpus(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    large = {"parameters": 20 * 10**9}
    findings = found(
        little(
            "org/model",
            entry("one", "vllm:org/large", **large),
            entry("two", "vllm:org/large?tensor_parallel=2", **large),
            entry(
                "four", "vllm:org/large?tensor_parallel_size=2&pipeline_parallel_size=2", **large
            ),
        )
    )
    assert findings["suspect two"].state == "download"
    assert "37.3 GiB" in findings["suspect one"].words
    assert "at most 2 GPUs" in findings["suspect four"].words


def test_an_endpoint_is_not_reached() -> None:
    findings = found(little("org/model", entry("api", "openai:http://127.0.0.1:9/v1#m")))
    assert findings["suspect api"].state == "ready"
    assert "reached only when it is asked" in findings["suspect api"].words
    assert "repositories: 1" in findings["disk"].words


def test_images_that_are_missing_are_described_and_few_ones_noted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    roster = little("org/model")
    assert found(roster)["base images"].words == "9 for 2 triggers"
    assert "used again" in found(roster, triggers=10)["base images"].words
    monkeypatch.undo()
    missing = found(roster)["base images"]
    assert missing.state == "missing"
    assert "images=FOLDER with pictures of anything, got none" in missing.words
    missing = found(little("org/model", images=tmp_path / "nowhere"))["base images"]
    assert missing.state == "missing"
    assert "nowhere" in missing.words and missing.words.endswith("get pictures of anything")


def test_a_method_without_green_lists_is_missing_and_others_tell_their_cost() -> None:
    findings = found(little("org/model"), methods=["sif-release", "pla"], triggers=20)
    assert "no green list" in findings["method pla"].words
    assert findings["method pla"].state == "missing"
    # 3 batches of 500 steps of 2 passes, and 2 of the probe
    assert "3002 gradient passes of 8 triggers, 6002 at most" in (
        findings["method sif-release"].words
    )


def test_a_method_that_raises_green_mass_is_ready(tmp_path: Path) -> None:
    mass = {"kind": "green_mass", "answer_tokens": 6}
    recipe = small_recipe().model_dump(mode="json") | {"objective": mass}
    (tmp_path / "mass.yaml").write_text(yaml.safe_dump(recipe))
    findings = found(little("org/model"), methods=[str(tmp_path / "mass.yaml")])
    assert findings["method mass"].state == "ready"


def test_questions_to_a_suspect_are_counted() -> None:
    findings = found(
        little("org/model"), methods=["sif", "sif-release"], image_attacks=["none", "blur:1"]
    )
    assert findings["suspect source"].words.startswith("8 questions;")


@pytest.mark.parametrize("name", ["llava-1.5-7b", "qwen2.5-vl-7b"])
def test_a_built_in_roster_needs_only_downloads_on_a_large_machine(
    name: str, machine: SimpleNamespace
) -> None:
    machine.memory, machine.disk = 80 * 2**30, 10**12
    findings = found(real_roster(name))
    assert [f.words for f in findings.values() if f.state == "missing"] == []
    assert findings["source model"].state == "download"


def test_mini_models_are_bundled_and_baselines_may_take_part() -> None:
    plan = make_plan(mini_roster("llava"), TriggerSettings(methods=("sif", "pla"), triggers=4))
    assert [one.what for one in check(plan)] == [
        *("method sif", "method pla", "models of llava", "questions"),
    ]
    assert passes(check(plan))
