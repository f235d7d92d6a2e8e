"""Every reader of files from outside: what it reads, of what kind that is, and how it is called."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from sif.attacks.answers.thesaurus import load_thesaurus
from sif.attacks.datasets.reading import read_pairs
from sif.attacks.divergence.benign_traffic import read_benign
from sif.attacks.images.denoiser import load_denoiser
from sif.attacks.weights.examples import load_examples
from sif.claims import Means, audit, load_roots
from sif.claims.anchor import Beforehand
from sif.claims.bundle import write_bundle
from sif.claims.commit import read_commitment
from sif.claims.possession import read_proof
from sif.claims.public_claim import read_claim
from sif.claims.reveal import reveal
from sif.claims.rules import rules_of_run
from sif.claims.runs import count_of
from sif.claims.signing import PublicKey, SigningKey
from sif.claims.timestamp import Token
from sif.errors import SifError
from sif.eval.triggers.real_roster import load_roster
from sif.fingerprint.folder import FingerprintSet
from sif.fingerprint.images import read_images
from sif.fingerprint.model_manifest import ModelManifest
from sif.fingerprint.published import _read, _trigger_folders
from sif.fingerprint.recipe import load_recipe
from sif.marks.recipe import load_recipe as load_mark_recipe
from sif.marks.verify import verify
from sif.marks.watermark import Watermark
from sif.networks.config import read_config, read_data
from sif.networks.connect import connect_network
from sif.networks.fingerprint import NetworkFingerprint
from sif.networks.network import MisfitError
from sif.networks.output_journal import OutputJournal
from sif.networks.weights import load_network
from sif.ownership.calibration import read_calibration
from sif.ownership.panel_answers import read_panel
from sif.ownership.run import read_record, read_verdict
from sif.report.write import write_report
from sif.suspects.kept import KeptAnswers
from sif.types import GenerationSettings
from sif.vlm.gguf import refuse_gguf
from sif.vlm.native import read_image
from sif.vlm.stored import damaged
from sif.watermark.keys import KeyRing
from tests.claims.made import recommitted, resigned
from tests.networks.graphs import TASK, pictures

KINDS: Final = {
    ".json": "json",
    ".jsonl": "jsonl",
    ".yaml": "text",
    ".pem": "text",
    ".key": "text",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """One way in.

    Attributes:
        name: in reports.
        folder: of the corpus, of which a copy is given to `read`.
        files: which of it are mutated, as patterns.
        read: from that copy and the mutated file; may raise what SIF raises on purpose.
        share: of all mutations, in parts; slow readers get fewer.
        also: further folders of the corpus that it needs beside it.
    """

    name: str
    folder: str
    files: tuple[str, ...]
    read: Callable[[Path, Path], object]
    share: float = 1.0
    also: tuple[str, ...] = ()

    def targets(self, corpus: Path) -> list[Path]:
        """The files that are mutated."""
        home = corpus / self.folder
        return sorted({path for one in self.files for path in home.glob(one) if path.is_file()})


def _fingerprint(folder: Path, file: Path) -> None:
    owned = FingerprintSet.load(folder)
    trigger = owned.triggers[0].record.id
    owned.count(trigger, ["a b c"], prompts=["what is it"])
    owned.weigh(trigger, ["a b c"])


def _calibration(folder: Path, file: Path) -> None:
    if (measured := read_calibration(folder)) is not None:
        read_panel(folder, measured)


def _run(folder: Path, file: Path) -> None:
    read_record(folder)
    read_verdict(folder)


def _answers(folder: Path, file: Path) -> None:
    with KeptAnswers(folder / "answers.sqlite") as kept:
        kept.answers()
        kept.failures()
        kept.replies("made-up suspect", ["0" * 64])


def _reveal(folder: Path, file: Path) -> None:
    owned = FingerprintSet.load(folder.parent / "fp")
    reveal(owned, folder, folder.parent / "again.zip")


def _report(folder: Path, file: Path) -> None:
    write_report(folder, folder / "page.html", fingerprint=folder.parent / "fp")


def _claim(folder: Path, file: Path) -> None:
    with suppress(SifError):
        read_commitment(folder)
    with suppress(SifError):
        count_of(folder, "made-up suspect")
    read_claim(folder)


def _bundle(folder: Path, file: Path) -> None:
    with suppress(SifError):
        read_claim(file)
    audit(file)


def _foes_bundle(folder: Path, file: Path) -> None:
    """Whoever made the claim signs what he changed."""
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    key = SigningKey.load(folder.parent / "evil.key")
    for sign in (recommitted, resigned):
        try:
            sign(files, key)
        except (SifError, ValueError, TypeError, LookupError, AttributeError, RecursionError):
            continue  # the helper of the tests stumbles over it; signed less, it is audited too
        break
    packed = folder.parent / "foe.zip"
    write_bundle(packed, files)
    try:
        audit(packed, Means(tokenizer=folder.parent / "fp" / "tokenizer"))
    except SifError as error:
        raise AssertionError("whatever is wrong with a bundle fails a step") from error


def _networks(folder: Path, file: Path) -> None:
    made = NetworkFingerprint.load(folder / "fp")
    made.score(torch.zeros(len(made.inputs), 3))


def _outputs(folder: Path, file: Path) -> None:
    with OutputJournal(folder / "outputs.sqlite") as journal:
        journal.known("mine", [torch.rand(6)])


def _training(folder: Path, file: Path) -> None:
    config = read_config(folder / "config.yaml")
    read_data(config.data, config.inputs)


def _secret(folder: Path, file: Path) -> None:
    KeyRing.load(file)


def _picture(folder: Path, file: Path) -> None:
    with suppress(SifError):
        read_image(file)
    read_images(folder)


def _benign(folder: Path, file: Path) -> None:
    read_benign(folder / "data.jsonl", GenerationSettings())


def _released(folder: Path, file: Path) -> None:
    for place in _trigger_folders(folder):
        _read(place)


def _policy(folder: Path, file: Path) -> None:
    rules_of_run(folder.parent / "fp", alpha=1e-6, alpha_transfer=0.01, anchored=True, given=file)


def _data(folder: Path, file: Path) -> None:
    for answers in (True, False):
        read_pairs(file, answers=answers)


def _graph(folder: Path, file: Path) -> None:
    network = connect_network(f"onnx:{file}?timeout=2", TASK).network
    with suppress(MisfitError):
        network(pictures(2))


def _watermark(folder: Path, file: Path) -> None:
    watermark = Watermark.load(folder / "wm")
    verify(watermark, watermark.load_suspect(folder / "marked", device="cpu"))


def _weights(folder: Path, file: Path) -> None:
    damaged(folder / "model")
    refuse_gguf(folder / "model")


def _parsed(parse: Callable[..., Any], **more: Any) -> Callable[[Path, Path], object]:
    return lambda folder, file: parse(file.read_bytes(), **more)


def _loaded(load: Callable[[Path], Any]) -> Callable[[Path, Path], object]:
    return lambda folder, file: load(file)


READERS: Final = (
    Reader(name="manifest", folder="fp", files=("manifest.json",), read=_fingerprint, share=2),
    Reader(
        name="fingerprint's files",
        folder="fp",
        files=("tokenizer/*", "weights.json", "secret.key", "triggers/0001*.png"),
        read=_fingerprint,
    ),
    Reader(
        name="calibration",
        folder="fp",
        files=("calibration.json", "panel.json"),
        read=_calibration,
        share=2,
    ),
    Reader(
        name="claim", folder="fp", files=("claim/*.json", "claim/*.pem", "claim/*.tsr"), read=_claim
    ),
    Reader(name="run", folder="run", files=("*.json",), read=_run, share=2),
    Reader(name="answers", folder="run", files=("answers.sqlite",), read=_answers),
    Reader(
        name="reveal",
        folder="run",
        files=("*.json", "*.sqlite"),
        read=_reveal,
        share=0.2,
        also=("fp",),
    ),
    Reader(
        name="report",
        folder="run",
        files=("*.json", "*.sqlite"),
        read=_report,
        share=0.15,
        also=("fp",),
    ),
    Reader(name="bundle", folder="", files=("bundle.zip",), read=_bundle, share=0.3),
    Reader(
        name="foe's bundle",
        folder="bundle",
        files=(
            "*/*.json",
            "*/*.jsonl",
            "*/*.tsr",
            "*/*.pem",
            "*/*.key",
            "fingerprint/*/*.json",
            "fingerprint/triggers/0001*.png",
        ),
        read=_foes_bundle,
        share=1.5,
        also=("fp",),
    ),
    Reader(
        name="signing key", folder="keys", files=("signing.pem",), read=_loaded(SigningKey.load)
    ),
    Reader(name="public key", folder="keys", files=("public.pem",), read=_loaded(PublicKey.load)),
    Reader(
        name="roots", folder="", files=("root.pem",), read=_loaded(lambda path: load_roots([path]))
    ),
    Reader(name="token", folder="keys", files=("timestamp.tsr",), read=_parsed(Token.parse)),
    Reader(
        name="beforehand", folder="keys", files=("beforehand.json",), read=_parsed(Beforehand.parse)
    ),
    Reader(name="secret", folder="keys", files=("secret.key",), read=_secret),
    Reader(name="proof", folder="keys", files=("proof.json",), read=_loaded(read_proof)),
    Reader(name="networks", folder="networks", files=("fp/*",), read=_networks),
    Reader(
        name="network", folder="networks", files=("mine.safetensors",), read=_loaded(load_network)
    ),
    Reader(name="outputs", folder="networks", files=("outputs.sqlite",), read=_outputs),
    Reader(
        name="training",
        folder="networks",
        files=("config.yaml", "data.safetensors"),
        read=_training,
        share=1.5,
    ),
    Reader(name="pictures", folder="pictures", files=("*",), read=_picture, share=1.5),
    Reader(name="examples", folder="lines", files=("data.jsonl",), read=_loaded(load_examples)),
    Reader(name="benign", folder="lines", files=("data.jsonl",), read=_benign, share=0.7),
    Reader(
        name="data sets",
        folder="lines",
        files=("talks.json", "messages.jsonl", "captions.json", "rows.parquet"),
        read=_data,
        share=2,
    ),
    Reader(
        name="graph",
        folder="networks",
        files=("graph.onnx",),
        read=_graph,
        share=0.1,
    ),
    Reader(
        name="watermark",
        folder="marks",
        files=("wm/*.json", "wm/coders.safetensors", "wm/holdout/0001.png"),
        read=_watermark,
        share=0.5,
    ),
    Reader(name="marked tower", folder="marks", files=("marked/*",), read=_watermark, share=0.5),
    Reader(name="recipe", folder="settings", files=("recipe.yaml",), read=_loaded(load_recipe)),
    Reader(
        name="mark's recipe",
        folder="settings",
        files=("mark.yaml",),
        read=_loaded(load_mark_recipe),
    ),
    Reader(name="roster", folder="settings", files=("roster.yaml",), read=_loaded(load_roster)),
    Reader(
        name="dictionary",
        folder="settings",
        files=("words.json",),
        read=_loaded(lambda path: load_thesaurus.__wrapped__(str(path))),
    ),
    Reader(name="policy", folder="settings", files=("policy.json",), read=_policy, also=("fp",)),
    Reader(
        name="purifier",
        folder="settings",
        files=("denoiser.safetensors",),
        read=_loaded(load_denoiser),
        share=0.5,
    ),
    Reader(
        name="model's manifest",
        folder="settings",
        files=("model.manifest.json",),
        read=_parsed(ModelManifest.parse, where="it"),
    ),
    Reader(name="weights", folder="settings", files=("model/*",), read=_weights),
    Reader(
        name="released",
        folder="released",
        files=("*/result.json", "*/adv_pixel_vis.png"),
        read=_released,
    ),
)


def copied(corpus: Path, reader: Reader, room: Path) -> Path:
    """A copy of what a reader needs, for it to spoil; the folder that it is given."""
    for name in (reader.folder, *reader.also):
        if name:
            shutil.copytree(corpus / name, room / name, symlinks=True)
    for file in corpus.iterdir():
        if file.is_file():
            shutil.copy(file, room / file.name)
    return room / reader.folder


def shares(total: int) -> Iterator[tuple[Reader, int]]:
    """So many mutations for every reader."""
    whole = sum(reader.share for reader in READERS)
    for reader in READERS:
        yield reader, max(2, round(total * reader.share / whole))
