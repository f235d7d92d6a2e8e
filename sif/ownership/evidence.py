"""Evidence against independence, answer by answer: a bet that may be settled at any time.

E_n = Σ_j w_j Π_{i≤n} e_i(λ_j) over the fixed grid of the policy, with equal weights. If the answers
do not depend on the secret, E is a martingale that starts at 1, so that the probability of its
ever reaching 1/α is at most α, however the moment of stopping is chosen (Ville's inequality).
Knows counts only.
"""

from collections.abc import Iterable
from math import log10

import numpy as np

from sif.errors import UsageError
from sif.ownership.null import HypergeometricNull
from sif.ownership.observation import Observation
from sif.ownership.policy import Policy
from sif.ownership.transfer import Draw, TransferTests, reaction
from sif.ownership.wealth import Wealth, equal_weights
from sif.ownership.weighted import log_e_values


class Evidence(Wealth):
    """The running e-value of one suspect.

    Args:
        vocabulary_size: V, ids of the owner's tokenizer.
        green_size: green ids among them.
        policy: the rules.
        draw: of the order of asking, where the policy has it drawn; of `sif.ownership.order`.

    Attributes:
        null: the distribution that is bet against.
        policy: the rules.
        queries: questions so far.
        answered: triggers so far that were answered with at least one scored word.
        log10_e_value: of all observations so far.
        highest: the largest log10 e-value so far, 0 at the start; the decision rests on it.
        transfer: the evidence against transfer; none where the policy has no allowance.

    Raises:
        UsageError: sizes that make no sense, or a drawn order whose draw is not given.
    """

    def __init__(
        self, *, vocabulary_size: int, green_size: int, policy: Policy, draw: Draw | None = None
    ) -> None:
        self.null = HypergeometricNull(vocabulary_size=vocabulary_size, green_size=green_size)
        self.policy = policy
        self.queries = 0
        self.answered = 0
        self.transfer = _transfer(policy, draw)
        self._tilts = np.asarray(policy.tilts, dtype=np.float64)
        super().__init__(equal_weights(len(self._tilts)))
        self._seen: set[str] = set()

    def add(self, observation: Observation) -> float:
        """Takes in one trigger and returns the log10 e-value so far.

        Raises:
            UsageError: a trigger that was added before, more questions than the budget allows, or
                an impossible count.
        """
        self._check(observation)
        if observation.count is not None and observation.informative:
            self._win(self._log_e_values(observation))
            self.answered += 1
        self._add_reaction(observation)
        self._seen.add(observation.trigger)
        self.queries += observation.queries
        return self.log10_e_value

    @property
    def independence_refuted(self) -> bool:
        """Whether the e-value was 1/α or more at some point."""
        return self.refutes(self.policy.alpha)

    @property
    def transfer_refuted(self) -> bool:
        """Whether that against transfer was 1/α_B or more; so too where it is not tested."""
        return self.transfer is None or self.transfer.highest >= -log10(self.policy.alpha_transfer)

    @property
    def highest_transfer(self) -> float | None:
        """The largest log10 e-value against transfer so far; none where it is not tested."""
        return None if self.transfer is None else self.transfer.highest

    @property
    def reached(self) -> bool:
        """Whether both are refuted; asking may stop then."""
        return self.independence_refuted and self.transfer_refuted

    def _add_reaction(self, observation: Observation) -> None:
        """In a drawn order a trigger without an answer is one without a reaction.

        It belongs to those over which the allowance is a mean, so that leaving it out might favour
        the claim.
        """
        if self.transfer is None:
            return
        gamma = self.null.green_size / self.null.vocabulary_size
        if observation.count is not None and observation.informative:
            if self.transfer.contrast is not None and observation.contrast is None:
                raise UsageError(
                    "expected with an allowance for contrasts the answers to compare with, got "
                    "none; run sif calibrate with --source"
                )
            self.transfer.add(
                reaction=reaction(observation.count, gamma=gamma),
                contrast=observation.contrast or 0.0,
            )
        elif self.transfer.draw is not None:
            self.transfer.add(reaction=0.0, contrast=0.0)

    def _log_e_values(self, observation: Observation) -> np.ndarray:
        weights = observation.weights if self.policy.weighted else None
        if weights is None:
            assert observation.count is not None
            return self.null.log_e_values(observation.count, self._tilts)
        green, red = np.asarray(weights.green), np.asarray(weights.red)
        return log_e_values(green, np.concatenate([green, red]), null=self.null, tilts=self._tilts)

    def _check(self, observation: Observation) -> None:
        if observation.trigger in self._seen:
            raise UsageError(
                f"expected each trigger once, got {observation.trigger!r} again; count the "
                "answers of its repeats together"
            )
        budget, total = self.policy.budget, self.queries + observation.queries
        if budget is not None and total > budget:
            raise UsageError(
                f"expected at most {budget} questions, the budget of the policy, got {total}; "
                "stop asking before, or set a larger budget before the first question"
            )


def highest_evidence(
    observations: Iterable[Observation], *, vocabulary_size: int, green_size: int
) -> float:
    """The largest log10 e-value against independence on the way through some observations."""
    evidence = Evidence(vocabulary_size=vocabulary_size, green_size=green_size, policy=Policy())
    for one in observations:
        evidence.add(one)
    return evidence.highest


def _transfer(policy: Policy, draw: Draw | None) -> TransferTests | None:
    if policy.transfer_allowance is None and policy.contrast_allowance is None:
        return None
    if policy.order == "drawn" and draw is None:
        raise UsageError(
            "expected with a drawn order the number of triggers among which it was drawn, got none"
        )
    draw = draw if policy.order == "drawn" else None
    return TransferTests(
        reaction=policy.transfer_allowance, contrast=policy.contrast_allowance, draw=draw
    )
