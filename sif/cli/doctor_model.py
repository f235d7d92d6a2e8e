"""What `sif doctor MODEL` says: whether a model can be fingerprinted, and what was seen of it.

Knows nothing of the machine or of packages.
"""

import json
from dataclasses import asdict, dataclass
from typing import Final

import typer

from sif.cli.say import say, say_json
from sif.errors import ModelError

GIB: Final = 2**30
MIB: Final = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReport:
    """The probe's result, for people and scripts; all but the first three None where refused.

    Attributes:
        model: as it was named.
        fit: whether triggers can be made on it.
        reason: the one sentence why not.
        architecture: of its configuration.
        precision: that triggers would be made in.
        device: where they would be made.
        height: of the picture in pixels, for a square one that comes with 448.
        width: the same.
        image_tokens: places that the picture takes in the prompt, where the model says.
        gradient_reach: part of the pixels that the gradient reaches.
        parity_steps: largest gap between a picture and its tensor, in steps of 8 bits.
        prompt: a question, as the chat template spells it.
        weights_bytes: memory for the weights.
        trigger_bytes: memory for each trigger that is worked on at the same time.
    """

    model: str
    fit: bool
    reason: str | None = None
    architecture: str | None = None
    precision: str | None = None
    device: str | None = None
    height: int | None = None
    width: int | None = None
    image_tokens: int | None = None
    gradient_reach: float | None = None
    parity_steps: float | None = None
    prompt: str | None = None
    weights_bytes: int | None = None
    trigger_bytes: int | None = None


def examine_model(model: str, *, device: str = "auto") -> ModelReport:
    """Loads a model and probes it; a refusal is a report too.

    Raises:
        UsageError: a device that is not there.
    """
    from sif.vlm.model import Vlm
    from sif.vlm.probe import PROMPTS, probe

    try:
        vlm = Vlm.load(model, device=device)
        probed = probe(vlm)
    except ModelError as error:
        return ModelReport(model=model, fit=False, reason=str(error))
    weights = sum(parameter.nbytes for parameter in vlm.model.parameters())
    return ModelReport(
        model=model,
        fit=True,
        architecture=str(vlm.model.config.model_type),
        precision=str(vlm.model.dtype).removeprefix("torch."),
        device=" and ".join(map(str, vlm.devices)),
        height=probed.height,
        width=probed.width,
        image_tokens=probed.image_tokens,
        gradient_reach=probed.reach,
        parity_steps=probed.parity,
        prompt=vlm.chat_text(PROMPTS[0]),
        weights_bytes=weights,
        trigger_bytes=probed.kept_bytes,
    )


def show_report(report: ModelReport, *, as_json: bool) -> None:
    """Prints a report; where the model is refused, the reason is all there is.

    Raises:
        ModelError: refused, for whoever reads words.
        Exit: refused, for scripts.
    """
    if as_json:
        say_json(json.dumps(asdict(report), indent=2))
        if not report.fit:
            raise typer.Exit(1)
        return
    if not report.fit:
        raise ModelError(report.reason or "refused")
    for name, words in _lines(report):
        say(f"{name:<13}{words}")


def _lines(report: ModelReport) -> list[tuple[str, str]]:
    tokens = "" if report.image_tokens is None else f", {report.image_tokens} places in the prompt"
    return [
        ("architecture", f"{report.architecture}, {report.precision} on {report.device}"),
        ("picture", f"{report.width}x{report.height} pixels{tokens}"),
        ("gradient", f"reaches {report.gradient_reach:.0%} of the pixels"),
        ("parity", f"{report.parity_steps:.2f} of an 8-bit step between picture and tensor"),
        ("prompt", ascii(report.prompt)[:200]),
        (
            "memory",
            f"{_size(report.weights_bytes)} for the weights, about {_size(report.trigger_bytes)} "
            "for each trigger worked on together (--batch)",
        ),
        ("result", "can be fingerprinted: sif fingerprint MODEL --images DIR --out FP"),
    ]


def _size(count: int | None) -> str:
    count = count or 0
    return f"{count / GIB:.1f} GiB" if count >= GIB else f"{count / MIB:.1f} MiB"
