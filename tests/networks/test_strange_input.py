"""Outside files of `sif metav`, changed at random: an answer or one sentence, never a traceback.

Configurations, weights, data, ONNX files and fingerprint folders; the seeds are fixed. The slow
tier tries many more of the same.
"""

import hashlib
import json
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import save, save_file

from sif.errors import FingerprintError, SifError, UsageError
from sif.networks.config import read_config, read_data
from sif.networks.connect import connect_network
from sif.networks.fingerprint import NetworkFingerprint
from sif.networks.network import answer
from sif.networks.verify import verify_network
from sif.networks.weights import save_network
from tests.networks.graphs import CLASSES, TASK, pictures, write_graph
from tests.networks.small import ARCHITECTURE, DOMAIN, Small, examples

CONFIG = {
    "task": "made up",
    "inputs": {"shape": [6], "lower": -1.0, "upper": 1.0, "levels": None},
    "outputs": "logits",
    "data": "data.safetensors",
    "protected": "torch:mine.safetensors",
    "copies": {"networks": ["torch:a"], "made": [{"name": "tune", "layers": "last"}], "seeds": 2},
    "independent": {"networks": [], "made": 3, "training": {"epochs": 8, "batch_size": 64}},
    "threshold": {"made": 4, "false_positive_rate": 0.2},
    "method": {"fingerprints": 10, "verifier": "near", "input_rate": 0.01},
    "stopping": 0.2,
    "seed": 3,
}
ODD: tuple[object, ...] = (
    *(None, True, -1, 0, 1, 10**30, 2**63, 0.5, -1e300, float("nan"), float("inf")),
    *("", "x", "\x1b[2J\x00", "a" * 10_000, [], {}, [[]], [None], {"name": "melt"}, {1: 2}),
    *([1] * 50, "torch:", "hf:", "..", "/", "2024-99-99", b"bytes"),
)
BYTES = (b"\x00", b"\xff", b"{", b"}", b"[", b'"', b"&a ", b"*a", b": ", b"\n", b"\t", b"9" * 5000)
SECONDS = 5


@contextmanager
def one_sentence() -> Iterator[None]:
    """What is inside ends well, or with one line of ours, in time."""
    begun = time.monotonic()
    try:
        yield
    except SifError as error:
        said = str(error)
        assert "\n" not in said, said
        assert "\x1b" not in said
        assert len(said) < 2000, said
    assert time.monotonic() - begun < SECONDS


def scrambled(content: bytes, chance: random.Random) -> bytes:
    """A file after a few changes anywhere in it."""
    found = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(found) + 1)
        # Headers decide more than numbers do.
        place = place if chance.random() < 0.3 else place % 400
        match chance.randrange(4):
            case 0:
                found[place : place + 1] = bytes([chance.randrange(256)])
            case 1:
                del found[place : place + chance.randint(1, 64)]
            case 2:
                found[place:place] = chance.choice(BYTES)
            case 3:
                found[place:] = found[place : place + chance.randint(0, 200)]
    return bytes(found)


def changed(value: object, chance: random.Random) -> object:
    """Settings with one value, somewhere inside, of another kind."""
    if isinstance(value, dict) and value and chance.random() < 0.85:
        name = chance.choice(sorted(value))
        return value | {name: changed(value[name], chance)}
    if isinstance(value, list) and value and chance.random() < 0.7:
        place = chance.randrange(len(value))
        return [*value[:place], changed(value[place], chance), *value[place + 1 :]]
    return chance.choice(ODD)


def many(number: int) -> list:
    """A few hundred in all for everybody, ten times as many for those with patience."""
    return [
        pytest.param(number, id=f"{number}"),
        pytest.param(10 * number, id=f"{10 * number}", marks=[pytest.mark.slow, pytest.mark.long]),
    ]


@pytest.mark.parametrize("number", many(120))
def test_configurations(number: int, tmp_path: Path) -> None:
    path, chance = tmp_path / "c.yaml", random.Random(1)
    whole = yaml.safe_dump(CONFIG).encode()
    for _ in range(number):
        odd = chance.random() < 0.6
        content = yaml.dump(changed(CONFIG, chance)).encode() if odd else scrambled(whole, chance)
        path.write_bytes(content)
        with one_sentence():
            read_config(path)


BOMB = "\n".join(
    ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40))]
)


@pytest.mark.parametrize(
    "text",
    [
        BOMB,
        f"{BOMB}\ntask: *a39",
        "[" * 2000,
        "{a: " * 3000,
        "task: 2024-99-99",
        "seed: 0x" + "f" * 9000,
        "seed: " + "9" * 9000,
        "? [a]\n: b",
        "task: !!python/object/apply:os.system [ls]",
        "\x00",
        "task: &a [*a]",
        "",
        "3",
        "- 1",
    ],
    ids=range(14),
)
def test_yaml_that_would_fill_memory_or_run_code_is_one_sentence(text: str, tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with one_sentence(), pytest.raises(UsageError) as caught:
        read_config(path)
    with one_sentence():
        raise caught.value


@pytest.mark.parametrize("number", many(100))
def test_data(number: int, tmp_path: Path) -> None:
    path, chance = tmp_path / "c.yaml", random.Random(2)
    path.write_text(yaml.safe_dump(CONFIG))
    config = read_config(path)
    small = examples(8)
    whole = save({"inputs": small.inputs, "targets": small.targets})
    for _ in range(number):
        config.data.write_bytes(scrambled(whole, chance))
        with one_sentence():
            read_data(config.data, config.inputs)


@pytest.mark.parametrize(
    "tensors",
    [
        {"inputs": torch.zeros(8, 6)},
        {"inputs": torch.zeros(8, 6), "targets": torch.zeros(7)},
        {"inputs": torch.zeros(0, 6), "targets": torch.zeros(0)},
        {"inputs": torch.tensor(1.0), "targets": torch.tensor(1)},
        {"inputs": torch.zeros(8, 6).cfloat(), "targets": torch.zeros(8)},
        {"inputs": torch.zeros(8, 6).bool(), "targets": torch.zeros(8).cfloat()},
        {"inputs": torch.full((8, 6), torch.nan), "targets": torch.zeros(8)},
        {"inputs": torch.zeros(8, 6).to(torch.float8_e4m3fn), "targets": torch.zeros(8)},
    ],
    ids=range(8),
)
def test_data_of_other_kinds(tensors: dict, tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(yaml.safe_dump(CONFIG))
    save_file(tensors, tmp_path / "data.safetensors")
    config = read_config(path)
    with one_sentence():
        read_data(config.data, config.inputs)


def test_data_in_another_form(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(yaml.safe_dump(CONFIG))
    config = read_config(path)
    for content in (b"", b"PK\x03\x04", b"\x93NUMPY", b"a,b\n1,2", b"\xff" * 64):
        (tmp_path / "data.safetensors").write_bytes(content)
        with one_sentence(), pytest.raises(UsageError):
            read_data(config.data, config.inputs)
    (tmp_path / "data.safetensors").unlink()
    (tmp_path / "data.safetensors").mkdir()
    with one_sentence(), pytest.raises(UsageError):
        read_data(config.data, config.inputs)


def ask(address: str) -> None:
    network = connect_network(address).network
    answer(network, examples(2).inputs, outputs=(3,), name=address)


@pytest.mark.parametrize("number", many(120))
def test_weights(number: int, world: Small, tmp_path: Path) -> None:
    path, chance = tmp_path / "n.safetensors", random.Random(3)
    save_network(world.protected, ARCHITECTURE, path)
    whole = path.read_bytes()
    for _ in range(number):
        path.write_bytes(scrambled(whole, chance))
        with one_sentence():
            ask(f"torch:{path}")


@pytest.mark.parametrize(
    "architecture",
    [
        {"kind": "mlp", "inputs": [65536] * 40, "widths": [], "outputs": [3]},
        {"kind": "mlp", "inputs": [6], "widths": [65536] * 100_000, "outputs": [3]},
        {"kind": "mlp", "inputs": [6], "widths": [65536, 65536], "outputs": [65536, 65536]},
        {"kind": "mlp", "inputs": [], "widths": [], "outputs": []},
        {"kind": "cnn", "inputs": [65536] * 3, "channels": [65536] * 2, "outputs": [3]},
        {"kind": "recurrent", "inputs": [3, 65536], "hidden": 65536, "layers": 16, "outputs": [3]},
        {"kind": "\x1b[2J"},
        [],
    ],
    ids=range(8),
)
def test_an_architecture_larger_than_its_file_takes_no_memory(
    architecture: object, tmp_path: Path
) -> None:
    path = tmp_path / "n.safetensors"
    weights = {f"{n}.weight": torch.zeros(3, 6) for n in range(10)}
    save_file(weights, path, metadata={"architecture": json.dumps(architecture)})
    with one_sentence(), pytest.raises(SifError):
        ask(f"torch:{path}")


@pytest.mark.parametrize("number", many(10))
def test_onnx_files(number: int, tmp_path: Path) -> None:
    path, chance = tmp_path / "n.onnx", random.Random(4)
    whole = write_graph(path).read_bytes()
    for _ in range(number):
        path.write_bytes(scrambled(whole, chance))
        with one_sentence():
            network = connect_network(f"onnx:{path}?timeout=4", TASK).network
            answer(network, pictures(2), outputs=(CLASSES,), name="n")


def rewritten(folder: Path, name: str, tensors: dict[str, torch.Tensor]) -> None:
    """A file of a fingerprint put in another's place, as whoever made the folder could."""
    manifest = json.loads((folder / "manifest.json").read_text())
    content = save(tensors)
    (folder / f"{name}.safetensors").write_bytes(content)
    manifest[f"{name}_sha256"] = hashlib.sha256(content).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


def load_and_ask(folder: Path, world: Small) -> None:
    verify_network(NetworkFingerprint.load(folder), world.protected, name="theirs")


@pytest.mark.parametrize("number", many(120))
@pytest.mark.parametrize("made", ["fingerprint", "ranked"])
def test_manifests(
    number: int, made: str, world: Small, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    chance = random.Random(5)
    request.getfixturevalue(made).save(tmp_path)
    path = tmp_path / "manifest.json"
    whole = path.read_bytes()
    for _ in range(number):
        odd = chance.random() < 0.7
        value = changed(json.loads(whole), chance) if odd else None
        content = json.dumps(value, default=str).encode() if odd else scrambled(whole, chance)
        path.write_bytes(content)
        with one_sentence():
            load_and_ask(tmp_path, world)


Change = Callable[[torch.Tensor], torch.Tensor]
CHANGES: tuple[Change, ...] = (
    lambda it: it[:1],
    lambda it: it[:0],
    lambda it: it.flatten(),
    lambda it: it[None],
    lambda it: it.double(),
    lambda it: it.to(torch.uint8),
    lambda it: it.cfloat(),
    lambda it: torch.full_like(it, torch.nan) if it.is_floating_point() else it,
    lambda it: torch.zeros_like(it),
    lambda it: torch.tensor(0.0),
)


@pytest.mark.parametrize("made", ["fingerprint", "ranked"])
def test_the_secret_files_of_a_fingerprint(
    made: str, world: Small, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    from safetensors.torch import load

    for name in ("inputs", "verifier"):
        request.getfixturevalue(made).save(tmp_path)
        whole = load((tmp_path / f"{name}.safetensors").read_bytes())
        for key, value in whole.items():
            for change in CHANGES:
                rewritten(tmp_path, name, whole | {key: change(value).contiguous()})
                with one_sentence():
                    load_and_ask(tmp_path, world)
            rewritten(tmp_path, name, {k: v for k, v in whole.items() if k != key})
            with one_sentence(), pytest.raises(FingerprintError):
                load_and_ask(tmp_path, world)
    assert DOMAIN.shape == (6,)
