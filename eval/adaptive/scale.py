"""How much a benchmark does: the whole, or a little of everything. Knows nothing of how."""

from dataclasses import dataclass
from typing import Final, Literal

from sif.attacks.weights.schedule import Training


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Numbers of everything.

    Attributes:
        triggers: of each of the owner's two sets of the default recipe.
        methods: whose triggers a detector is to find, the default recipe first.
        method_triggers: of each other method.
        scenes: unseen ones that tell what an attack costs the thief.
        benign: pictures of each kind that a detector is to let pass.
        own_triggers: that the thief makes with his own keys to teach a detector.
        classifier_steps: of the taught detector.
        purifiers: attacks on images.
        logged: benign pictures in the traffic log.
        tuning_steps: updates of each tuning.
        adversarial_triggers: that he makes in each round of adversarial training.
        adversarial_steps: of optimising them.
        adversarial: rounds and tuned weights, one copy for each.
        averages: attacks on answers.
        disclosed: how many triggers are revealed.
        ways: of unlearning.
    """

    triggers: int = 24
    methods: tuple[str, ...] = (
        "sif",
        "sif@epsilon=8",
        "sif@epsilon=4",
        "sif-recoded",
        "sif-release@steps=150",
    )
    method_triggers: int = 12
    scenes: int = 48
    benign: int = 1000
    own_triggers: int = 24
    classifier_steps: int = 400
    purifiers: tuple[str, ...] = (
        "purify:16",
        "purify-learned:4",
        "purify-learned:8",
        "purify-learned:16",
        "purify-learned:16@gaussian",
    )
    logged: int = 480
    tuning_steps: int = 60
    adversarial_triggers: int = 16
    adversarial_steps: int = 40
    adversarial: tuple[tuple[int, Literal["language", "all"]], ...] = (
        (1, "language"),
        (3, "all"),
    )
    averages: tuple[str, ...] = (
        "temperature:0.7",
        "average:5",
        "smooth:8",
    )
    disclosed: tuple[int, ...] = (1, 4, 12)
    ways: tuple[Literal["answers", "red"], ...] = ("answers", "red")

    @property
    def training(self) -> Training:
        """Of every tuning: the language model's own weights."""
        return Training(steps=self.tuning_steps, batch_size=16, learning_rate=3e-4)


FULL: Final = Scale()
QUICK: Final = Scale(
    triggers=6,
    methods=("sif", "sif@epsilon=8"),
    method_triggers=4,
    scenes=8,
    benign=60,
    own_triggers=4,
    classifier_steps=80,
    purifiers=("purify:16", "purify-learned:16"),
    logged=60,
    tuning_steps=12,
    adversarial_triggers=4,
    adversarial_steps=20,
    adversarial=((1, "language"),),
    averages=("average:3", "smooth:8"),
    disclosed=(1, 3),
    ways=("answers",),
)
