"""Options that several commands share, each declared once. Knows no command."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer


class TransferTests(StrEnum):
    """How transfer is excluded."""

    REACTION = "reaction"
    CONTRAST = "contrast"
    BOTH = "both"


def _words_alone(prompts: list[str] | None) -> list[str] | None:
    """Prompts without anything that stands for a picture."""
    from sif.vlm.placeholders import refuse

    refuse("--also-ask", prompts or [])
    return prompts


AlsoAsk = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PROMPT",
        callback=_words_alone,
        help="Ask about every trigger with this prompt too; its answers count with the others.",
    ),
]
Alpha = Annotated[float, typer.Option(help="Bound on the false-claim probability.")]
AnswerAttack = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME:NUMBER|NAME:WORDS",
        help="Attack the answers: truncate:0.5 (share of words kept), drop:0.3 and shuffle:1 "
        "(shares of sentences), synonyms:0.3 (share of words; behind an @ another dictionary "
        "or a language model's folder), translate:1, case:0.5, punctuation:0.5, refuse:0.2, "
        "withhold:0.2 (rates), prefix:WORDS, paraphrase:openai:URL#NAME. Or how they come "
        "about: temperature:0.7, system:WORDS, cache, turns:0.5@SUSPECT, watermark:2, "
        "watermark-by-word:2, gumbel:4; or from several answers joined to one: average:5 "
        "(samples), smooth:8 (noise on the pictures, in 1/255). Or none. Chained like image "
        "attacks, from the model outwards.",
    ),
]
Batch = Annotated[int, typer.Option(min=1, help="Triggers worked on together.")]
BatchThatFits = Annotated[
    str,
    typer.Option(
        metavar="N|auto",
        help="Triggers worked on together; auto is 8, as many of them at once as memory holds.",
    ),
]
Calibrated = Annotated[
    bool,
    typer.Option(
        "--calibration/--no-calibration", help="Test transfer where the fingerprint was calibrated."
    ),
]
Certificates = Annotated[
    list[Path] | None,
    typer.Option(metavar="PEM", help="Root certificates of authorities that you trust."),
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, … or cuda:0,cuda:1.")]
Example = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT|@FILE",
        help="An example description of another picture, put before every prompt; for suspects "
        "that answer in a word. Choose it once, before asking and without the key.",
    ),
]
Fingerprint = Annotated[Path, typer.Argument(help="Folder written by `sif fingerprint`.")]
ImageAttack = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME:NUMBER",
        help="Attack the pictures first: jpeg:75, webp:75 (quality), resize:0.5, "
        "screenshot:1.25 (factor, and back), crop:0.05, crop-pad:0.05 (share of each side), "
        "rotate:2 (degrees), noise:4, purify:16, purify-learned:16 (deviation in 1/255; behind "
        "an @ other weights), salt-pepper:0.01 (share of pixels), blur:1, median:1 (radius in "
        "pixels), bits:5 (per channel), brightness:1.2, contrast:0.8 (factor), gamma:1.5 "
        "(exponent) or none. Several, joined by + or as options given again, happen in their "
        "order.",
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "-j",
        "--jobs",
        min=1,
        help="Processes side by side, of one thread each; with --ray, workers of the cluster.",
        show_default="one; with --ray, as many as there is room for",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Mark = Annotated[Path, typer.Argument(help="Folder of your watermark.")]
Ray = Annotated[
    str | None,
    typer.Option(
        metavar="local|auto|HOST:PORT",
        help="Work on a Ray cluster: one of this machine that ends with the command, the one that "
        "runs here, or that one. Join no cluster but your own: whoever is in it can run code here.",
    ),
]
Repeats = Annotated[int, typer.Option(min=1, help="Questions with each trigger.")]
Request = Annotated[Path | None, typer.Option(help="Write the request (.tsq) here instead.")]
Response = Annotated[Path | None, typer.Option(help="Take an authority's response (.tsr).")]
Secret = Annotated[
    Path | None, typer.Option(help="The key file, where it is not in the fingerprint.")
]
Shard = Annotated[
    str | None,
    typer.Option(
        metavar="I/N",
        help="Do only share I of N, for clusters without Ray: each into a folder of its own, all "
        "with the same options; `sif merge` joins them.",
    ),
]
SigningKey = Annotated[
    str | None,
    typer.Option(
        metavar="PEM|URI",
        help="Your key: a PEM file, which may be encrypted (the passphrase is asked for, or taken "
        "from SIF_SIGNING_PASSPHRASE), or a URI of securesystemslib (hsm:, awskms:, gcpkms:, "
        "azurekms:, hv:).",
        show_default="FP/claim/signing.key, an Ed25519 key that is made where missing",
    ),
]
SigningPublicKey = Annotated[
    Path | None,
    typer.Option(
        metavar="PEM",
        help="Public half of a key that is given as a URI.",
        show_default="FP/claim/public.pem",
    ),
]
Strict = Annotated[
    bool,
    typer.Option("--strict", help="Stop at a file that is no readable picture, or tiny or hidden."),
]
Suspect = Annotated[
    str, typer.Argument(help="hf:MODEL, vllm:MODEL or openai:URL#NAME, with ?option=value&…")
]
Threads = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="That each process computes with.",
        show_default="one where there are several processes",
    ),
]
WorkerCpus = Annotated[
    float, typer.Option(min=0.0, help="With --ray: CPUs of the cluster that a worker takes.")
]
WorkerGpus = Annotated[
    float | None,
    typer.Option(
        min=0.0,
        help="With --ray: GPUs of the cluster that a worker takes, such as 1 or 0.5.",
        show_default="1 where there are any to work on",
    ),
]
WorkerMemory = Annotated[
    float | None, typer.Option(metavar="GIB", min=0.0, help="With --ray: memory of a worker.")
]
Tsa = Annotated[
    str | None, typer.Option(metavar="URL", help="Timestamp authority, asked over HTTP.")
]
VisionSource = Annotated[str, typer.Argument(help="Folder or hub id: a vision model or an LVLM.")]


def batch_that_fits(text: str) -> int | Literal["auto"]:
    """A batch as it is typed.

    Raises:
        UsageError: neither a number nor auto.
    """
    from sif.errors import UsageError

    if text == "auto":
        return "auto"
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text)):
        raise UsageError(
            f"--batch: expected a whole number of 1 or more, or auto, got {ascii(text)[:40]}; "
            "leave it out for auto"
        )
    return int(text)


TransferTest = Annotated[
    TransferTests | None,
    typer.Option(
        help="How transfer to an unrelated model is excluded, as it was calibrated: by how far "
        "answers lean (reaction), by whose words they are (contrast), or by both, which is usual "
        "after `sif calibrate --source`.",
    ),
]
