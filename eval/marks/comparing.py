"""IPGuard and ADV-TRA on the suspects of one mode.

Both need a classifier, so a head for digits is put on the marked model, as the ActiveMark paper
does. A suspect answers with the head that its thief would have: a copy whose weights were worn,
merged or overwritten with the owner's, one tuned on digits with its own, and everybody else with a
new linear head that is fitted to digits on its frozen features.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor

from sif.attacks.weights.vision_tuning import ClassHead
from sif.eval.baselines.adv_tra import AdvTra, adv_tra, detection_rate
from sif.eval.baselines.classifier import Classifier
from sif.eval.baselines.ipguard import IpGuard, ipguard, matching_rate
from sif.eval.marks.material import digit_head, task_of
from sif.eval.marks.results import Compared, MethodCost, Role, Rows, found_again
from sif.eval.marks.setting import (
    MARKED,
    TUNED,
    TUNED_INNOCENT,
    WORN,
    MarkSettings,
    Mode,
    Places,
    Source,
)
from sif.eval.marks.suspects import load_head
from sif.marks.vision_model import VisionModel
from sif.scale.crew import Show
from sif.vlm.pixels import to_tensor

MARGIN = 3.0
RATE = 4e-3
Score = Callable[[Classifier], float]


def compare(setting: MarkSettings, out: Path, source: Source, mode: Mode, show: Show) -> Rows:
    """Fingerprints the marked model by both methods, and asks every suspect."""
    places = Places(out, source, mode)
    if not places.marked.exists():
        return Rows()

    def work() -> Rows:
        vision = VisionModel.load(places.marked, device="cpu")
        head = digit_head(setting, vision)
        costs, scores = _fingerprints(setting, source, vision, head)
        rows = []
        suspects = setting.everybody(source)
        for done, (name, role) in enumerate(suspects.items(), start=1):
            model = classifier_of(setting, places, name, role, head)
            for method, score in scores.items():
                start = time.process_time()
                value = score(model)
                rows.append(
                    Compared(
                        source=source,
                        method=method,
                        suspect=name,
                        role=role,
                        score=value,
                        seconds=time.process_time() - start,
                    )
                )
            show(f"baselines {source}", done, len(suspects), name)
        return Rows(compared=tuple(rows), costs=tuple(costs))

    return found_again(places.row("rows", "baselines"), work)


def _fingerprints(
    setting: MarkSettings, source: Source, vision: VisionModel, head: ClassHead
) -> tuple[list[MethodCost], dict[str, Score]]:
    task, model = task_of(setting, "digits"), _classifier(vision, head)
    starts = to_tensor(vision.pictures(task.train.images[: setting.starts]))
    before = time.process_time()
    points = ipguard(
        model, starts, IpGuard(margin=MARGIN, rate=RATE, iterations=setting.iterations)
    )
    between = time.process_time()
    walks = adv_tra(model, starts, AdvTra(seed=setting.seed))
    after = time.process_time()
    costs = [
        MethodCost(source=source, method="IPGuard", seconds=between - before),
        MethodCost(source=source, method="ADV-TRA", seconds=after - between),
    ]
    scores: dict[str, Score] = {
        "IPGuard": lambda suspect: matching_rate(points, suspect),
        "ADV-TRA": lambda suspect: detection_rate(walks, suspect),
    }
    return costs, scores


def classifier_of(
    setting: MarkSettings, places: Places, name: str, role: Role, owners: ClassHead
) -> Classifier:
    """The digits classifier that a suspect hands out, for pictures of the marked model's size."""
    if name == MARKED:
        folder = places.marked
    elif role == "innocent":
        folder = places.innocent(name)
    else:
        folder = places.copy(name)
    vision = VisionModel.load(folder, device="cpu")
    if name in (MARKED, *WORN, "overwritten"):
        return _classifier(vision, owners)
    if name == TUNED_INNOCENT or (name in TUNED and TUNED[name].task == "digits"):
        return _classifier(vision, load_head(setting, folder, vision, "digits"))
    return _classifier(vision, digit_head(setting, vision))


def _classifier(vision: VisionModel, head: Any) -> Classifier:
    def logits(images: Tensor) -> Tensor:
        from torch.nn.functional import interpolate

        if tuple(images.shape[-2:]) != tuple(vision.extent):
            images = interpolate(images, tuple(vision.extent), mode="bilinear", antialias=True)
        said: Tensor = head(vision, images)
        return said

    return logits
