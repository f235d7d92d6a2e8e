"""One small real file of every kind that SIF reads from outside, in folders by kind."""

import json
import shutil
from importlib import resources
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
import yaml
from PIL import Image
from safetensors.torch import save_file

from sif.claims.possession import Proof
from sif.fingerprint.model_manifest import hash_model
from sif.marks.embed_into import embed_into
from sif.networks.method import Method
from sif.networks.output_journal import OutputJournal
from sif.networks.weights import save_network
from tests.claims.authority import Authority
from tests.claims.made import Claim, make_claim
from tests.fingerprint.released import released_folder
from tests.marks import small
from tests.networks.conftest import quick_fingerprint
from tests.networks.graphs import write_graph
from tests.networks.small import ARCHITECTURE, small_world

QUICK = Method(fingerprints=6, iterations=20, input_rate=1e-2, verifier_rate=1e-2)


def build_corpus(root: Path) -> None:
    """Writes everything; takes a few seconds."""
    claim = _claim(root)
    _keys(root / "keys", claim)
    _networks(root / "networks")
    _pictures(root / "pictures")
    _lines(root / "lines")
    _settings(root / "settings")
    _marks(root / "marks")
    released_folder(root / "released", count=2)


def _claim(root: Path) -> Claim:
    claim = make_claim(root, Authority(root / "tsa"), anchored=True)
    claim.files(root / "bundle")
    # Every fingerprint that is read has its key beside it, and its claim.
    shutil.copy(root / "fp" / "claim" / "signing.key", root / "evil.key")
    (root / "root.pem").write_bytes(claim.authority.root.read_bytes())
    return claim


def _keys(folder: Path, claim: Claim) -> None:
    folder.mkdir()
    shutil.copy(claim.fingerprint.folder / "claim" / "signing.key", folder / "signing.pem")
    shutil.copy(claim.fingerprint.folder / "claim" / "public.pem", folder / "public.pem")
    shutil.copy(claim.fingerprint.folder / "claim" / "timestamp.tsr", folder / "timestamp.tsr")
    secret = claim.secret or Path()
    for name in ("secret.key", "beforehand.json", "anchor.tsr"):
        found = next((path for path in secret.rglob(name)), None)
        if found is not None:
            shutil.copy(found, folder / name)
    proof = Proof(
        name="photos", salt="ab" * 32, kind="folder", sha256="0" * 64, files={"a.png": "1" * 64}
    )
    (folder / "proof.json").write_text(proof.model_dump_json(indent=2))
    (folder / "runs.json").write_text('{"schema_version": 1, "begun": {"made-up suspect": 2}}')


def _networks(folder: Path) -> None:
    folder.mkdir()
    world = small_world()
    made = quick_fingerprint(world, QUICK)
    made.save(folder / "fp")
    save_network(world.protected, ARCHITECTURE, folder / "mine.safetensors")
    inputs = torch.rand(8, 6)
    save_file({"inputs": inputs, "targets": torch.arange(8) % 3}, folder / "data.safetensors")
    with OutputJournal(folder / "outputs.sqlite") as journal:
        journal.record("mine", list(inputs), torch.rand(8, 3))
    config = {
        "task": "made up",
        "data": "data.safetensors",
        "protected": "torch:mine.safetensors",
        "inputs": {"shape": [6], "lower": -1.0, "upper": 1.0},
        "outputs": "logits",
        "copies": {"networks": ["torch:mine.safetensors"]},
        "independent": {"networks": ["torch:mine.safetensors"]},
        "threshold": {"networks": ["torch:mine.safetensors"], "false_positive_rate": 0.2},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    write_graph(folder / "graph.onnx")


def _pictures(folder: Path) -> None:
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (24, 20, 3), dtype=np.uint8)
    picture = Image.fromarray(noise)
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.save(folder / "a.jpg", exif=exif)
    for name in ("b.png", "c.webp", "d.bmp", "e.gif", "f.tif"):
        picture.save(folder / name)
    picture.convert("P").save(folder / "g.png")
    picture.convert("RGBA").save(folder / "h.png")
    picture.convert("I").save(folder / "i.tif")


def _lines(folder: Path) -> None:
    folder.mkdir()
    picture = Image.new("RGB", (8, 8), "red")
    rows = []
    for number in range(4):
        picture.save(folder / f"{number}.png")
        rows.append({"image": f"{number}.png", "prompt": f"What? {number}", "answer": "Red."})
    (folder / "data.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    turns = [
        {"from": "human", "value": "<image>\nWhat?"},
        {"from": "gpt", "value": "Red."},
        {"from": "human", "value": "And what else?"},
        {"from": "gpt", "value": "Nothing."},
    ]
    talks = [
        {"id": str(number), "image": f"{number}.png", "conversations": turns} for number in range(3)
    ]
    (folder / "talks.json").write_text(json.dumps(talks))
    parts = [{"type": "image", "image": "1.png"}, {"type": "text", "text": "What?"}]
    said = [{"role": "user", "content": parts}, {"role": "assistant", "content": "Red."}]
    (folder / "messages.jsonl").write_text(json.dumps({"messages": said}) + "\n")
    captions = {
        "images": [{"id": number, "file_name": f"{number}.png"} for number in range(3)],
        "annotations": [
            {"id": number, "image_id": number, "caption": "Red."} for number in range(3)
        ],
    }
    (folder / "captions.json").write_text(json.dumps(captions))
    packed = (folder / "0.png").read_bytes()
    table = [{"image": {"bytes": packed, "path": None}, "prompt": "What?", "answer": "Red."}] * 3
    pq.write_table(pa.Table.from_pylist(table), folder / "rows.parquet")


def _settings(folder: Path) -> None:
    folder.mkdir()
    for package, name, kept in (
        ("sif.fingerprint", "sif.yaml", "recipe.yaml"),
        ("sif.marks", "keyed.yaml", "mark.yaml"),
    ):
        there = resources.files(package) / "recipes" / name
        (folder / kept).write_text(there.read_text("utf-8"))
    roster = resources.files("sif.eval") / "rosters" / "llava-1.5-7b.yaml"
    (folder / "roster.yaml").write_text(roster.read_text("utf-8"))
    (folder / "words.json").write_text(
        json.dumps({"about": "two", "groups": [["big", "large"], ["red", "crimson"]]})
    )
    (folder / "policy.json").write_text(json.dumps({"repeats": 2, "also_ask": ["What?"]}))
    weights = resources.files("sif.attacks.images") / "weights" / "gaussian.safetensors"
    (folder / "denoiser.safetensors").write_bytes(weights.read_bytes())
    model = folder / "model"
    model.mkdir()
    (model / "config.json").write_text('{"model_type": "llava"}')
    save_file({"a": torch.zeros(3)}, model / "model.safetensors")
    manifest = hash_model(str(model))
    assert manifest is not None
    (folder / "model.manifest.json").write_text(manifest.data().decode())


def _marks(folder: Path) -> None:
    """A marked vision tower with its watermark."""
    embed_into(
        folder / "wm",
        folder / "marked",
        small.tower(),
        small.pictures(),
        recipe=small.recipe(),
        keys=small.KEYS,
        seed=0,
        others=(),
        report=lambda progress: None,
    )
