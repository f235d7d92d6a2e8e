"""What the commands that are killed are given: tiny models, data, keys, a timestamp authority.

Each thing is made when it is first asked for, by the functions named in `MAKERS`.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property, partial
from pathlib import Path

import yaml
from safetensors.torch import save_file

from sif.fingerprint.folder import FingerprintSet
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
from tests.networks.small import ARCHITECTURE, CONFIG, examples, noisy, trained
from tools.time_audit import answers, build_tokenizer, make_up


class Made:
    """A folder of inputs, the same for every kill.

    Args:
        folder: new.
        llava: an untrained model.
        qwen: another.

    Attributes:
        warm: what runs commands.
    """

    def __init__(self, folder: Path, llava: Path, qwen: Path, stack: ExitStack) -> None:
        self.folder, self.llava, self.qwen = folder, llava, qwen
        (folder / "tmp").mkdir(parents=True)
        self.warm = Warm(folder / "tmp")
        self._stack = stack
        stack.callback(self.warm.close)

    def at(self, name: str) -> Path:
        """Where an input lies."""
        if not (self.folder / name).exists():
            MAKERS[name.split("/")[0]](self, self.folder)
        return self.folder / name

    def copy(self, name: str, room: Path) -> None:
        """Puts a copy of an input into a room, for a command that changes it."""
        shutil.copytree(self.at(name), room / name)

    @cached_property
    def tsa(self) -> str:
        """URL of a timestamp authority, whose root is `tsa/root.pem`."""
        return self._stack.enter_context(Authority(self.folder / "tsa").serving())

    @cached_property
    def suspect(self) -> str:
        """Address of an endpoint that says green words to the pictures of `claimed`."""
        claimed = FingerprintSet.load(self.at("claimed"))
        return self._stack.enter_context(serving(claimed, answers(claimed, green=25, scored=30)))

    def done(self, *arguments: str) -> None:
        """Runs a command that must succeed among the inputs."""
        outcome = self.warm.run(list(arguments), self.folder)
        assert outcome.status == 0, outcome.said


@contextmanager
def making(folder: Path, llava: Path, qwen: Path) -> Iterator[Made]:
    """Everything, for as long as the block runs."""
    with ExitStack() as stack:
        yield Made(folder, llava, qwen, stack)


def _pictures(made: Made, folder: Path, *, name: str, number: int) -> None:
    (folder / name).mkdir()
    for index, picture in enumerate(pictures(number)):
        picture.image.save(folder / name / f"{index:02d}.png")


def _key(made: Made, folder: Path) -> None:
    KEYS.save(folder / "key")


def _recipe(made: Made, folder: Path) -> None:
    (folder / "recipe.yaml").write_text(small_recipe().model_dump_json())


def _data(made: Made, folder: Path) -> None:
    made.at("images")
    rows = [
        {"image": f"images/{index:02d}.png", "prompt": "What is it?", "answer": "a small ring"}
        for index in range(3)
    ]
    (folder / "data.jsonl").write_text("\n".join(map(json.dumps, rows)))


def _released(made: Made, folder: Path) -> None:
    released_folder(folder / "released")


def _fp(made: Made, folder: Path) -> None:
    small_fingerprint(Vlm.load(made.llava, device="cpu"), folder / "fp", images=pictures(3))


def _tower(made: Made, folder: Path) -> None:
    tower().save(folder / "tower")


def _photos(made: Made, folder: Path) -> None:
    (folder / "photos").mkdir()
    for index, picture in enumerate(noise()):
        picture.save(folder / "photos" / f"{index:02d}.png")


def _mark(made: Made, folder: Path) -> None:
    (folder / "mark.yaml").write_text(mark_recipe(steps=12).model_dump_json())


def _watermark(made: Made, folder: Path) -> None:
    for name in ("tower", "photos", "mark.yaml", "key"):
        made.at(name)
    mark = ("--images", "photos", "--recipe", "mark.yaml", "--secret", "key")
    out = ("--out", "watermark", "--model-out", "marked")
    made.done("activemark", "embed", "tower", *mark, *out)


def _networks(made: Made, folder: Path) -> None:
    data, room = examples(), folder / "networks"
    room.mkdir()
    save_file({"inputs": data.inputs, "targets": data.targets}, room / "data.safetensors")
    mine = trained(1, data)
    save_network(mine, ARCHITECTURE, room / "mine.safetensors")
    save_network(noisy(mine, 99), ARCHITECTURE, room / "stolen.safetensors")
    (room / "config.yaml").write_text(yaml.safe_dump(CONFIG))


def _metav(made: Made, folder: Path) -> None:
    made.done("metav", "train", str(made.at("networks/config.yaml")), "--out", "metav")


def _cutter(made: Made, folder: Path) -> None:
    build_tokenizer(600).save_pretrained(folder / "cutter")


def _secret(made: Made, folder: Path) -> None:
    made.done("claim", "secret", str(made.at("cutter")), "--out", "secret", "--tsa", made.tsa)


def _claimed(made: Made, folder: Path) -> None:
    keys = KeyRing.load(made.at("secret/secret.key"))
    make_up(folder / "claimed", triggers=8, vocabulary_size=600, keys=keys)


def _committed(made: Made, folder: Path) -> None:
    shutil.copytree(made.at("claimed"), folder / "committed")
    made.done("claim", "commit", "committed", "--anchor", "secret")


def _stamped(made: Made, folder: Path) -> None:
    shutil.copytree(made.at("committed"), folder / "stamped")
    made.done("claim", "timestamp", "stamped", "--tsa", made.tsa)


def _run(made: Made, folder: Path) -> None:
    shutil.copytree(made.at("stamped"), folder / "asked")
    made.done("verify", "asked", made.suspect, "--committed", "--run", "run")


def _claim(made: Made, folder: Path) -> None:
    made.at("run")
    made.done("claim", "reveal", "asked", "--run", "run", "--out", "claim.zip")


def _asked_for(made: Made, folder: Path) -> None:
    assert made.tsa


MAKERS: dict[str, Callable[[Made, Path], None]] = {
    "images": partial(_pictures, name="images", number=3),
    "benign": partial(_pictures, name="benign", number=24),
    "key": _key,
    "recipe.yaml": _recipe,
    "data.jsonl": _data,
    "released": _released,
    "fp": _fp,
    "tower": _tower,
    "photos": _photos,
    "mark.yaml": _mark,
    "watermark": _watermark,
    "marked": _watermark,
    "networks": _networks,
    "metav": _metav,
    "cutter": _cutter,
    "secret": _secret,
    "claimed": _claimed,
    "committed": _committed,
    "stamped": _stamped,
    "asked": _run,
    "run": _run,
    "claim.zip": _claim,
    "tsa": _asked_for,
}
