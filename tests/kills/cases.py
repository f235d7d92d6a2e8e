"""Every command that keeps state, in little, and what it promises to whoever kills it."""

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from sif.staging import is_staged
from tests.kills.made import Made

Arguments = Callable[[Made], list[str]]


@dataclass(frozen=True, kw_only=True)
class Case:
    """A command.

    Attributes:
        name: of the test.
        command: from what was made to its arguments; the folder that it runs in is empty, but for
            `copied`.
        copied: inputs that it changes.
        drawn: patterns of files that are made at random: only that they are there is compared.
        kept: patterns of files that are never written again once they are there.
        refuses: what it says in a folder where it was done.
    """

    name: str
    command: Arguments
    copied: tuple[str, ...] = ()
    drawn: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    refuses: str = ""

    def prepare(self, made: Made, room: Path) -> None:
        """Makes the folder that it runs in."""
        room.mkdir()
        for name in self.copied:
            made.copy(name, room)

    def is_drawn(self, name: str) -> bool:
        """Whether a file is made at random."""
        return any(fnmatch(name, pattern) for pattern in self.drawn)

    def is_kept(self, name: str) -> bool:
        """Whether a file, once there, stays as it is."""
        ours = any(fnmatch(name, pattern) for pattern in self.kept)
        return ours and not is_staged(Path(name))


def _at(made: Made, *arguments: str) -> list[str]:
    """Arguments in which @NAME is an input."""
    return [
        str(made.at(one.removeprefix("@"))) if one.startswith("@") else one for one in arguments
    ]


def _on(*arguments: str) -> Arguments:
    return lambda made: _at(made, *arguments)


def _suspect(model: Path) -> str:
    return f"hf:{model}?max_new_tokens=6&device=cpu"


FINGERPRINT = ("--images", "@images", "--out", "fp", "--recipe", "@recipe.yaml")
FINGERPRINT += ("--batch", "1", "--device", "cpu")
MARK = ("--images", "@photos", "--recipe", "@mark.yaml", "--secret", "@key")
TUNING = ("--finetune", "@data.jsonl", "--steps", "6", "--checkpoint-every", "1")

CASES = (
    Case(
        name="fingerprint",
        command=lambda made: _at(
            made, "fingerprint", str(made.llava), *FINGERPRINT, "--secret", "@key"
        ),
        kept=("fp/triggers/*.json", "fp/secret.key", "fp/request.json"),
    ),
    Case(
        name="fingerprint-fresh-key",
        command=lambda made: _at(made, "fingerprint", str(made.llava), *FINGERPRINT),
        drawn=("fp/triggers/*", "fp/*.json", "fp/secret.key"),
        kept=("fp/triggers/*.json", "fp/secret.key", "fp/request.json"),
    ),
    Case(
        name="calibrate",
        command=lambda made: ["calibrate", "fp", "--panel", _suspect(made.qwen), "--batch", "1"],
        copied=("fp",),
        kept=("fp/triggers/*", "fp/secret.key", "fp/manifest.json"),
    ),
    Case(
        name="verify",
        command=lambda made: _at(
            made, "verify", "@fp", _suspect(made.llava), "--run", "run", "--batch", "1"
        ),
    ),
    Case(
        name="sda",
        command=lambda made: _at(
            *(made, "sda", "@fp", _suspect(made.llava), "--reference", _suspect(made.qwen)),
            *("--benign", "@benign", "--fpr", "0.3", "--signals", "jaccard,length"),
            *("--run", "run"),
        ),
        drawn=("run/sda.md",),  # says how many seconds a question costs
    ),
    Case(name="report", command=_on("report", "@run", "--out", "report.html")),
    Case(
        name="import-published",
        command=lambda made: _at(
            made, "import-published", "@released", "--out", "fp", "--tokenizer", str(made.llava)
        ),
        refuses="name another",
    ),
    Case(
        name="thief-tuning",
        command=lambda made: _at(made, "thief", str(made.llava), "--out", "copy", *TUNING),
        refuses="exists already",
    ),
    Case(
        name="thief-rounding",
        command=lambda made: [
            *("thief", str(made.llava), "--out", "copy", "--prune", "0.2", "--quantize", "nf4")
        ],
        refuses="exists already",
    ),
    Case(
        name="zoo-export",
        command=_on("zoo", "export", "llava-source", "model"),
        refuses="exists already",
    ),
    Case(
        name="zoo-scenes",
        command=_on("zoo", "scenes", "llava-source", "scenes", "-n", "3"),
        refuses="exists already",
    ),
    Case(
        name="zoo-purifier",
        command=_on(
            *("zoo", "purifier", "--images", "@images", "--tile", "14", "--steps", "3"),
            *("--out", "purifier.safetensors"),
        ),
    ),
    Case(
        name="activemark-embed",
        command=_on("activemark", "embed", "@tower", *MARK, "--out", "wm", "--model-out", "marked"),
        kept=("wm/secret.key", "wm/request.json", "marked/*"),
        refuses="holds a finished watermark",
    ),
    Case(
        name="activemark-verify",
        command=_on("activemark", "verify", "@watermark", "@marked", "@tower", "--run", "run"),
    ),
    Case(
        name="activemark-profile",
        command=_on("activemark", "profile", "@tower", "--images", "@photos", "--plot", "a.png"),
    ),
    Case(
        name="metav-train",
        command=_on("metav", "train", "@networks/config.yaml", "--out", "fp"),
        kept=("fp/work/*",),
    ),
    Case(
        name="metav-verify",
        command=lambda made: _at(
            *(made, "metav", "verify", "@metav", "--run", "run"),
            *(f"torch:{made.at('networks')}/{one}.safetensors" for one in ("mine", "stolen")),
        ),
    ),
    Case(
        name="claim-secret",
        command=lambda made: _at(
            made, "claim", "secret", "@cutter", "--out", "secret", "--tsa", made.tsa
        ),
        drawn=("secret/*",),
        kept=("secret/salt.key", "secret/secret.key"),
        refuses="holds a secret already",
    ),
    Case(
        name="claim-commit",
        command=_on("claim", "commit", "claimed", "--anchor", "@secret"),
        copied=("claimed",),
        drawn=("claimed/claim/*",),
        kept=("claimed/secret.key", "claimed/triggers/*"),
    ),
    Case(
        name="claim-timestamp",
        command=lambda made: ["claim", "timestamp", "committed", "--tsa", made.tsa],
        copied=("committed",),
        drawn=("committed/claim/*",),
        kept=("committed/secret.key", "committed/claim/commitment.json"),
        refuses="is there already",
    ),
    Case(
        name="verify-committed",
        command=lambda made: ["verify", "stamped", made.suspect, "--committed", "--run", "run"],
        copied=("stamped",),
    ),
    Case(
        name="claim-reveal",
        command=_on("claim", "reveal", "asked", "--run", "@run", "--out", "claim.zip"),
        copied=("asked",),
    ),
    Case(
        name="claim-audit",
        command=_on("claim", "audit", "@claim.zip", "--tsa-certificate", "@tsa/root.pem"),
    ),
)
