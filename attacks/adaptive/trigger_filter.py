"""A suspect that looks at every picture before it answers, and treats triggers differently.

Knows neither engines nor single detectors.
"""

from collections.abc import Sequence
from dataclasses import replace

from sif.attacks.adaptive.detectors import Detector
from sif.attacks.answers.canned import REFUSAL
from sif.attacks.images.attack import ImageAttack
from sif.types import Answer, Query, Reply, Suspect


class TriggerFilter:
    """Another suspect behind a detector.

    Args:
        suspect: the stolen model.
        detector: scores every picture.
        threshold: pictures that score above it are flagged.
        response: what happens to them: an attack on images goes before the stolen model, another
            suspect answers in its place, and None refuses in words.

    Attributes:
        asked: questions so far.
        flagged: of these, how many were flagged.
    """

    def __init__(
        self,
        suspect: Suspect,
        detector: Detector,
        threshold: float,
        response: ImageAttack | Suspect | None,
    ) -> None:
        self._suspect = suspect
        self._detector = detector
        self._threshold = threshold
        self._response = response
        self.asked = self.flagged = 0

    @property
    def name(self) -> str:
        """That of the suspect, then the detector, its threshold and the response."""
        match self._response:
            case None:
                response = "refusal"
            case ImageAttack():
                response = str(self._response)
            case _:
                response = self._response.name
        seen = f"{self._detector.name} above {self._threshold:.6g}"
        return f"{self._suspect.name} ({seen}: {response})"

    def ask(self, queries: Sequence[Query]) -> list[Reply]:
        """The replies, in the order of the queries.

        Raises:
            SuspectError: one of both suspects cannot be reached.
        """
        scores = self._detector.scores([query.image for query in queries])
        flags = [bool(score > self._threshold) for score in scores]
        self.asked += len(flags)
        self.flagged += sum(flags)
        replies: dict[int, Reply] = {}
        for flag, answer in ((False, self._suspect.ask), (True, self._respond)):
            places = [place for place, one in enumerate(flags) if one == flag]
            if places:
                replies |= zip(places, answer([queries[place] for place in places]), strict=True)
        return [replies[place] for place in range(len(queries))]

    def close(self) -> None:
        """Closes the suspect, and the one that answers in its place."""
        self._suspect.close()
        if self._response is not None and not isinstance(self._response, ImageAttack):
            self._response.close()

    def _respond(self, queries: Sequence[Query]) -> list[Reply]:
        match self._response:
            case None:
                return [Answer(text=REFUSAL) for _ in queries]
            case ImageAttack():
                attack = self._response
                return self._suspect.ask(
                    [replace(query, image=attack.apply(query.image)) for query in queries]
                )
            case _:
                return self._response.ask(queries)
