"""What attacks on images do to pictures, in dB of PSNR. Knows no model."""

from collections.abc import Sequence

from PIL import Image

from sif.attacks.images import parse_image_attack
from sif.eval.adaptive.rows import Fidelity
from sif.eval.adaptive.stage import Stage
from sif.vlm.pixels import to_tensor


def fidelity_of(stage: Stage) -> list[Fidelity]:
    """A row for each purifier."""
    plain = [sample.image for sample in stage.unseen()]
    questions = stage.making(stage.scale.methods[0]).load().questions
    bases = [question.base for question in questions]
    triggers = [question.image for question in questions]
    before = _mean_psnr(triggers, bases)
    rows = []
    for text in stage.scale.purifiers:
        attack = parse_image_attack(text)
        rows.append(
            Fidelity(
                family=stage.family,
                attack=text,
                unseen=_mean_psnr([attack.apply(picture) for picture in plain], plain),
                triggers=_mean_psnr([attack.apply(picture) for picture in triggers], bases),
                before=before,
            )
        )
    return rows


def _mean_psnr(pictures: Sequence[Image.Image], wanted: Sequence[Image.Image]) -> float:
    """The mean over pictures, of one extent."""
    import piq

    shown, true = to_tensor(pictures), to_tensor(wanted)
    return float(piq.psnr(shown, true, reduction="mean"))
