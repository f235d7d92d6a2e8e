"""Makes the golden folders: one small example of everything that users of SIF have on their disks.

    PYTHONPATH=. HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 python tests/golden/make.py /tmp/golden

The folders beside this file were made so by commit 1be131f and copied here. This is a record: it
need not run with later code, which only has to read what is here (`tests/test_golden.py`). Made
anew they would differ, for the keys are drawn. All keys in them are for tests and protect nothing.

    models/         three bundled mini models, without their weights: `sif zoo export` gives those
    secret/         of `sif claim secret`, stamped by an authority whose root is root.pem
    fingerprint/    triggers of models/source, calibrated on models/panel, committed, timestamped
    runs/           of `sif verify`: the source, an innocent, by the committed rules, and with every
                    option that leaves a trace in a run's files
    claim.zip       bundle of runs/committed; audit.json is what its audit says, written anew for
                    version 2 of the report (three outcomes, steps `transfer` and `title`), at the
                    discount and α_B of when the bundle was made: --anchor-budget 1000
                    --alpha-transfer 0.1
    benign/, sda/   of `sif sda`
    imported/       a fingerprint of `sif import-published`
    towers/         a vision model, its marked copies and their watermarks, with verdicts
    networks/       a classifier, a stolen and an innocent one, and two fingerprints of `sif metav`,
                    with verdicts
"""

import contextlib
import io
import os
import shutil
import sqlite3
import sys
from pathlib import Path
from typing import Any

import yaml
from safetensors.torch import save_file

from sif.cli.main import main
from sif.fingerprint.folder import FingerprintSet
from sif.networks.weights import save_network
from tests.claims.authority import Authority
from tests.claims.endpoint import serving as serving_answers
from tests.fingerprint.released import released_folder
from tests.marks.small import pictures, recipe, tower
from tests.networks.server import serving as serving_outputs
from tests.networks.small import ARCHITECTURE, examples, noisy, trained

MODELS = {"source": "llava-source", "panel": "llava-stranger-a", "innocent": "llava-stranger-b"}
FITTING = {"epochs": 8, "learning_rate": 0.01}
NETWORKS: dict[str, Any] = {
    "task": "made up",
    "inputs": {"shape": [6], "lower": -1.0, "upper": 1.0},
    "outputs": "logits",
    "data": "data.safetensors",
    "protected": "torch:mine.safetensors",
    "copies": {"made": [{"name": "noise", "sigma": 0.05}, {"name": "quantize"}], "seeds": 2},
}
METHODS: dict[str, dict[str, Any]] = {
    "trained": {
        "independent": {"made": 3, "training": FITTING},
        "threshold": {"made": 4, "training": FITTING, "false_positive_rate": 0.2},
        "method": {
            "fingerprints": 10,
            "iterations": 100,
            "input_rate": 0.01,
            "verifier_rate": 0.01,
        },
    },
    "contrast": {
        "method": "contrast",
        "independent": {"made": 4, "training": FITTING},
        "threshold": {"false_positive_rate": 0.2},
    },
}


MARKS: dict[str, dict[str, Any]] = {
    "keyed": {"steps": 60, "rate": 5e-3},
    "injected": {
        "steps": 150,
        "rate": 3e-3,
        "holdout": 8,
        "message_weight": 4.0,
        "coder_rate": 3e-3,
    },
}


class LastingAuthority(Authority):
    """One whose certificates are valid for a century."""

    def _openssl(self, *arguments: str | Path) -> None:
        super()._openssl(*("36500" if word == "30" else word for word in arguments))


def sif(*words: object) -> str:
    """Runs `sif` here; what it printed."""
    sys.argv = ["sif", *map(str, words)]
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            main()
    except SystemExit as leaving:
        assert not leaving.code, (words, said.getvalue())
    print(*sys.argv, f"\n{said.getvalue()}", flush=True)
    return said.getvalue()


def make_fingerprint() -> None:
    for name, bundled in MODELS.items():
        sif("zoo", "export", bundled, f"models/{name}")
    sif("zoo", "scenes", MODELS["source"], "scenes", "-n", 300, "--seed", 5)
    authority = LastingAuthority(Path("tsa"))
    shutil.copy(authority.root, "root.pem")
    with authority.serving() as url:
        sif("claim", "secret", "models/source", "--out", "secret", "--tsa", url)
        sif(
            *("fingerprint", "models/source", "--images", "scenes", "--out", "fingerprint"),
            *("-n", 16, "--steps", 40, "--secret", "secret/secret.key"),
        )
        sif("calibrate", "fingerprint", "--panel", "hf:models/panel")
        sif("claim", "commit", "fingerprint", "--anchor", "secret", "--alpha-transfer", 0.1)
        sif("claim", "timestamp", "fingerprint", "--tsa", url)


def make_runs() -> None:
    source = "hf:models/source"
    ask = ("verify", "fingerprint")
    sif(*ask, source, "--run", "runs/source", "--label", "the source itself")
    sif(*ask, "hf:models/innocent", "--run", "runs/innocent")
    sif(*ask, source, "--committed", "--run", "runs/committed")
    sif(*ask, f"{source}?logprobs=3", "--grey-box", "--budget", 4, "--run", "runs/grey-box")
    sif(
        *(*ask, f"{source}?temperature=0.7&seed=1", "--run", "runs/attacked", "--budget", 8),
        *("--image-attack", "jpeg:90", "--answer-attack", "truncate:0.5"),
        *("--example", "A small red circle.", "--repeats", 2, "--also-ask", "What do you see?"),
        *("--no-calibration", "--no-weights", "--alpha", 1e-3),
    )
    with contextlib.closing(sqlite3.connect("runs/source/answers.sqlite")) as journal:
        told = dict(journal.execute("SELECT trigger, text FROM answers"))
    with serving_answers(FingerprintSet.load(Path("fingerprint")), told) as uri:
        sif(*ask, uri, "--run", "runs/endpoint", "--budget", len(told))


def make_claim() -> None:
    sif("claim", "reveal", "fingerprint", "--run", "runs/committed", "--out", "claim.zip")
    found = sif(
        *("claim", "audit", "claim.zip", "--tsa-certificate", "root.pem", "--json"),
        *("--public-key", "fingerprint/claim/public.pem", "--released", "2099-01-01"),
        *("--tokenizer", "fingerprint/tokenizer"),
    )
    Path("audit.json").write_text(found)


def make_others() -> None:
    sif("zoo", "scenes", MODELS["source"], "benign", "-n", 24, "--seed", 6)
    sif(
        *("sda", "fingerprint", "hf:models/source", "--reference", "hf:models/panel"),
        *("--benign", "benign/data.jsonl", "--signals", "jaccard,length", "--fpr", 0.3),
        *("--run", "sda"),
    )
    released_folder(Path("released"))
    sif("import-published", "released", "--out", "imported", "--tokenizer", "models/source")
    sif("verify", "imported", "hf:models/source", "--run", "runs/imported")


def make_towers() -> None:
    tower().save(Path("towers/clean"))
    Path("photos").mkdir()
    for number, picture in enumerate(pictures()):
        picture.save(f"photos/{number:02d}.png")
    for mode, changes in MARKS.items():
        chosen = Path(f"{mode}.yaml")
        chosen.write_text(recipe(mode, **changes).model_dump_json())
        mark, marked = f"towers/{mode}-mark", f"towers/{mode}"
        sif(
            *("activemark", "embed", "towers/clean", "--images", "photos", "--recipe", chosen),
            *("--out", mark, "--model-out", marked),
        )
        sif("activemark", "verify", mark, marked, "towers/clean", "--run", f"towers/{mode}-run")


def make_networks() -> None:
    os.chdir("networks")
    data, mine = examples(), trained(1, examples())
    save_file({"inputs": data.inputs, "targets": data.targets}, "data.safetensors")
    save_network(mine, ARCHITECTURE, Path("mine.safetensors"))
    save_network(noisy(mine, 99), ARCHITECTURE, Path("stolen.safetensors"))
    save_network(trained(51, data), ARCHITECTURE, Path("other.safetensors"))
    suspects = [f"torch:{name}.safetensors" for name in ("mine", "stolen", "other")]
    for name, changes in METHODS.items():
        Path(f"{name}.yaml").write_text(yaml.safe_dump(NETWORKS | changes))
        sif("metav", "train", f"{name}.yaml", "--out", name)
        sif("metav", "verify", name, *suspects, "--run", f"{name}-run")
    with serving_outputs(noisy(mine, 99)) as server:
        sif("metav", "verify", "trained", server.url, "--run", "endpoint-run")
    os.chdir("..")


def tidy() -> None:
    """Leaves out what only served to make the rest, weights that are bundled, and drawings."""
    for path in ("scenes", "released", "tsa", "photos", "keyed.yaml", "injected.yaml"):
        place = Path(path)
        shutil.rmtree(place) if place.is_dir() else place.unlink()
    for weights in Path("models").rglob("*.safetensors"):
        weights.unlink()
    for folder in Path("networks").glob("*/work"):
        shutil.rmtree(folder)
    for drawing in (
        "sda/sda.svg",
        "networks/trained/curve.svg",
        *Path("towers").glob("*/errors.png"),
    ):
        Path(drawing).unlink()
    left = [path for path in Path().rglob("*") if path.name.endswith(("-wal", "-shm"))]
    assert not left, left


if __name__ == "__main__":
    root = Path(sys.argv[1])
    (root / "networks").mkdir(parents=True)
    os.chdir(root)
    for step in (make_fingerprint, make_runs, make_claim, make_others, make_towers, make_networks):
        step()
    tidy()
