"""What the commands that are killed are given: tiny models, data, keys, a timestamp authority."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml
from safetensors.torch import save_file

from sif.fingerprint.folder import FingerprintSet
from sif.marks.watermark import Watermark
from sif.networks.weights import save_network
from sif.vlm.model import Vlm
from sif.watermark.keys import KeyRing
from tests.claims.authority import Authority
from tests.claims.endpoint import serving
from tests.fingerprint.released import released_folder
from tests.fingerprint.small import KEYS, pictures, small_fingerprint, small_recipe
from tests.kills.warm import Warm
from tests.marks.small import pictures as noise
from tests.marks.small import recipe as mark_recipe
from tests.marks.small import tower
from tests.networks.small import ARCHITECTURE, examples, noisy, trained
from tools.time_audit import answers, build_tokenizer, make_up

FITTING = {"epochs": 8, "learning_rate": 0.01}
NETWORKS = {
    "task": "made up",
    "inputs": {"shape": [6], "lower": -1.0, "upper": 1.0},
    "outputs": "logits",
    "data": "data.safetensors",
    "protected": "torch:mine.safetensors",
    "copies": {"made": [{"name": "noise", "sigma": 0.05}, {"name": "quantize"}], "seeds": 2},
    "independent": {"made": 3, "training": FITTING},
    "threshold": {"made": 4, "training": FITTING, "false_positive_rate": 0.2},
    "method": {"fingerprints": 10, "iterations": 100, "input_rate": 0.01, "verifier_rate": 0.01},
}


@dataclass(frozen=True)
class Made:
    """A folder that holds everything, and addresses.

    Attributes:
        folder: of all inputs; the same for every kill.
        llava: an untrained model.
        qwen: another.
        tsa: URL of a timestamp authority.
        suspect: address of an endpoint that says green words to the pictures of `claimed`.
        warm: what runs commands.
    """

    folder: Path
    llava: Path
    qwen: Path
    tsa: str
    suspect: str
    warm: Warm

    def copy(self, name: str, room: Path) -> None:
        """Puts a copy of an input into a room, for a command that changes it."""
        shutil.copytree(self.folder / name, room / name)


@contextmanager
def making(folder: Path, llava: Path, qwen: Path) -> Iterator[Made]:
    """Everything, for as long as the block runs."""
    folder.mkdir()
    (folder / "tmp").mkdir()
    warm = Warm(folder / "tmp")
    try:
        _make_pictures(folder)
        _make_marks(folder)
        _make_networks(folder)
        small_fingerprint(Vlm.load(llava, device="cpu"), folder / "fp", images=pictures(3))
        authority = Authority(folder / "tsa")
        with authority.serving() as tsa:
            claimed = _make_claim(folder, tsa, warm)
            with serving(claimed, answers(claimed, green=25, scored=30)) as suspect:
                made = Made(folder, llava, qwen, tsa, suspect, warm)
                _go_on_with_claim(made)
                yield made
    finally:
        warm.close()


def _make_pictures(folder: Path) -> None:
    for name, number in (("images", 3), ("benign", 24)):
        (folder / name).mkdir()
        for index, picture in enumerate(pictures(number)):
            picture.image.save(folder / name / f"{index:02d}.png")
    KEYS.save(folder / "key")
    (folder / "recipe.yaml").write_text(small_recipe().model_dump_json())
    rows = [
        {"image": f"images/{index:02d}.png", "prompt": "What is it?", "answer": "a small ring"}
        for index in range(3)
    ]
    (folder / "data.jsonl").write_text("\n".join(map(json.dumps, rows)))
    released_folder(folder / "released")


def _make_marks(folder: Path) -> None:
    tower().save(folder / "tower")
    (folder / "photos").mkdir()
    for index, picture in enumerate(noise()):
        picture.save(folder / "photos" / f"{index:02d}.png")
    (folder / "mark.yaml").write_text(mark_recipe(steps=12).model_dump_json())


def _make_networks(folder: Path) -> None:
    data, room = examples(), folder / "networks"
    room.mkdir()
    save_file({"inputs": data.inputs, "targets": data.targets}, room / "data.safetensors")
    mine = trained(1, data)
    save_network(mine, ARCHITECTURE, room / "mine.safetensors")
    save_network(noisy(mine, 99), ARCHITECTURE, room / "stolen.safetensors")
    (room / "config.yaml").write_text(yaml.safe_dump(NETWORKS))


def _make_claim(folder: Path, tsa: str, warm: Warm) -> FingerprintSet:
    build_tokenizer(600).save_pretrained(folder / "cutter")
    done(warm, folder, "claim", "secret", "cutter", "--out", "secret", "--tsa", tsa)
    keys = KeyRing.load(folder / "secret" / "secret.key")
    return make_up(folder / "claimed", triggers=8, vocabulary_size=600, keys=keys)


def _go_on_with_claim(made: Made) -> None:
    folder, warm = made.folder, made.warm
    for name in ("committed", "stamped"):
        shutil.copytree(folder / "claimed", folder / name)
        done(warm, folder, "claim", "commit", name, "--anchor", "secret")
    done(warm, folder, "claim", "timestamp", "stamped", "--tsa", made.tsa)
    run = ("verify", "stamped", made.suspect, "--committed", "--run", "run")
    done(warm, folder, *run)
    done(warm, folder, "claim", "reveal", "stamped", "--run", "run", "--out", "claim.zip")
    mark = ("--images", "photos", "--recipe", "mark.yaml", "--secret", "key")
    out = ("--out", "watermark", "--model-out", "marked")
    done(warm, folder, "activemark", "embed", "tower", *mark, *out)
    assert Watermark.load(folder / "watermark").manifest.images
    done(warm, folder, "metav", "train", "networks/config.yaml", "--out", "metav")


def done(warm: Warm, room: Path, *arguments: str) -> None:
    """Runs a command that must succeed."""
    outcome = warm.run(list(arguments), room)
    assert outcome.status == 0, outcome.said
