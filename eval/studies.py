"""All studies, with a line each, for those who only want to know what there is.

A study itself is loaded when it is run. Knows nothing of how studies work.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sif.errors import UsageError

if TYPE_CHECKING:
    from sif.eval.study import Study


class Listed(NamedTuple):
    """One study.

    Attributes:
        line: the question that it asks.
        quick: how long it takes on two cores with --quick.
        whole: the same without.
        example: of what --set takes.
        module: holds it under the name STUDY.
        spelled: whether its settings may be written as options too, and its folder left out, so
            that a look at this machine is one short command.
    """

    line: str
    quick: str
    whole: str
    example: str
    module: str
    spelled: bool = False


STUDIES: Final[dict[str, Listed]] = {
    "triggers": Listed(
        "Methods compared: triggers on a source, asked of its copies and of innocents under "
        "attacks on images, with cost; on mini models, or on a roster of real ones.",
        "5 minutes",
        "10 hours",
        "methods=sif,sif-release",
        "sif.eval.triggers.study",
    ),
    "paper": Listed(
        "Every table of the SIF paper rebuilt on the mini models, beside the published figures: "
        "reproduced, differs because, cannot be reproduced here.",
        "15 minutes",
        "3 hours",
        "families=llava",
        "sif.eval.paper.study",
    ),
    "attacks": Listed(
        "Every attack at its strengths: the evidence that it leaves against what it costs a thief.",
        "15 minutes",
        "5 hours",
        "kind=answers",
        "sif.eval.attacks.study",
    ),
    "adaptive": Listed(
        "A thief who knows the method but not the key: detectors, adversarial tuning, unlearning.",
        "15 minutes",
        "6 hours",
        "families=llava",
        "sif.eval.adaptive.study",
    ),
    "elicit": Listed(
        "Ways to ask copies that answer in one word.",
        "5 minutes",
        "1 hour",
        "families=llava",
        "sif.eval.elicit.study",
    ),
    "sharing": Listed(
        "How much of the source must be in a model before evidence begins: a curve.",
        "1 hour",
        "4 hours",
        "triggers=12",
        "sif.eval.sharing.study",
    ),
    "verdicts": Listed(
        "Questions that a calibrated claim takes, and what weights of words buy.",
        "10 minutes",
        "1 hour",
        "families=llava",
        "sif.eval.verdicts.study",
    ),
    "real": Listed(
        "Real words: recipes on a source of 270 million parameters that describes in English, "
        "asked of its copies, a sibling and a stranger.",
        "1 hour",
        "10 hours",
        "methods=sif",
        "sif.eval.real.study",
    ),
    "memory": Listed(
        "Memory that making takes at the sizes of real models, counted on shapes without weights.",
        "1 minute",
        "10 minutes",
        "batches=4",
        "sif.eval.memory.study",
    ),
    "lineage": Listed(
        "What the invariants of weights show of copies and of innocents, for whoever holds both.",
        "2 minutes",
        "10 minutes",
        "families=llava",
        "sif.eval.lineage.study",
    ),
    "step": Listed(
        "What one step of making takes on this machine at the size of a real model, with random "
        "weights: time, operations, share of the matrix peak, memory, largest batch.",
        "4 minutes",
        "half an hour",
        "shape=qwen2.5-vl-7b",
        "sif.eval.step.study",
        spelled=True,
    ),
    "ownership": Listed(
        "False claims and power of the verdict, simulated.",
        "20 seconds",
        "2 minutes",
        "audits=10000",
        "sif.eval.ownership.study",
    ),
    "activemark": Listed(
        "Marks in vision models against copies, innocents and removal, with baselines.",
        "15 minutes",
        "50 minutes",
        "sources=dino",
        "sif.eval.marks.study",
    ),
    "metav": Listed(
        "Fingerprints of any network against thefts and removal: MetaV, LiteGuard, contrast; "
        "IPGuard, ADV-TRA and FIT-Print for classifiers.",
        "5 minutes",
        "100 minutes",
        "tasks=digits",
        "sif.eval.networks.study",
    ),
}


def find_study(name: str) -> "Study[Any]":
    """The study of that name, loaded.

    Raises:
        UsageError: there is none.
    """
    if name not in STUDIES:
        raise UsageError(f"expected a study among {', '.join(STUDIES)}, got {name[:40]!r}")
    study: Study[Any] = import_module(STUDIES[name].module).STUDY
    return study
