"""Shared fixtures: untrained mini models as folders, scripted endpoints, the command line."""

from tests.type_checks import check_types

check_types()  # before anything of the package is imported

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from sif.cli import main as command_line
from sif.mini.architecture import Family, Size, build_model, build_processor
from sif.vlm.folder import save_model
from tests.cli.command import Run
from tests.suspects.endpoint import Endpoint, Script, Serve


def _folder(family: Family, root: Path) -> Path:
    model = build_model(family, seed=3, size=Size()).to(torch.bfloat16)
    save_model(model, build_processor(family, seed=3), root / family)
    return root / family


@pytest.fixture(scope="session")
def untrained_llava(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LLaVA with random weights, 5 MB."""
    return _folder("llava", tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def untrained_qwen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Qwen2.5-VL with random weights, 5 MB."""
    return _folder("qwen2_5_vl", tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def text_only(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A language model that takes no images, without a tokenizer."""
    folder = tmp_path_factory.mktemp("models") / "text-only"
    config = LlamaConfig(
        vocab_size=64,
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=1,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Starts endpoints; whoever asks them waits for next to nothing before trying again."""
    for name, seconds in (("FIRST_PAUSE", 0.01), ("LONGEST_PAUSE", 0.05)):
        monkeypatch.setattr(f"sif.suspects.openai_suspect.{name}", seconds)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    running: list[Endpoint] = []

    def start(script: Script) -> Endpoint:
        endpoint = Endpoint(script)
        threading.Thread(target=endpoint.serve_forever, daemon=True).start()
        running.append(endpoint)
        return endpoint

    yield start
    for endpoint in running:
        endpoint.shutdown()
        endpoint.server_close()


@pytest.fixture
def sif(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `sif` with arguments; gives exit code, standard output and standard error.

    An error that SIF does not know fails the test, but for one that says it means a `bug`.
    """

    def run(*arguments: object, bug: bool = False) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["sif", *map(str, arguments)])
        with pytest.raises(SystemExit) as leaving:
            command_line.main()
        output = capsys.readouterr()
        assert bug or "something that SIF does not know" not in output.err, output.err
        return int(leaving.value.code or 0), output.out, output.err

    return run
