"""One answer out of several: the most typical one, with its words put to the vote.

The typical answer is the one that agrees best with the others (minimum Bayes risk; Kumar and Byrne,
NAACL 2004, with the F-score of words as the gain). The others are aligned with it, and at each of
its places the word that most of them have there wins (ROVER; Fiscus, ASRU 1997). Knows nothing of
suspects.
"""

from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher

from sif.errors import UsageError


def consensus(answers: Sequence[str]) -> str:
    """The joined answer; of ties the word of the most typical answer, and of those the first.

    Args:
        answers: to one question.

    Raises:
        UsageError: none.
    """
    if not answers:
        raise UsageError("expected answers to join, got none")
    spoken = [answer.split() for answer in answers]
    typical = max(range(len(spoken)), key=lambda place: (_agreement(place, spoken), -place))
    votes = [Counter({word: 1}) for word in spoken[typical]]
    for place, words in enumerate(spoken):
        if place != typical:
            _vote(votes, spoken[typical], words)
    return " ".join(counter.most_common(1)[0][0] for counter in votes)


def _agreement(place: int, spoken: Sequence[list[str]]) -> float:
    """Mean F-score of the words of one answer with those of all others."""
    own = Counter(spoken[place])
    others = [Counter(words) for index, words in enumerate(spoken) if index != place]
    return sum(_f_score(own, other) for other in others) / max(1, len(others))


def _f_score(first: Counter[str], second: Counter[str]) -> float:
    total = first.total() + second.total()
    return 2 * (first & second).total() / total if total else 1.0


def _vote(votes: list[Counter[str]], typical: list[str], words: list[str]) -> None:
    """Adds what another answer has at each place; what it lacks or adds casts no vote."""
    matcher = SequenceMatcher(a=typical, b=words, autojunk=False)
    for kind, start, end, other_start, other_end in matcher.get_opcodes():
        if kind in ("equal", "replace"):
            for vote, word in zip(votes[start:end], words[other_start:other_end], strict=False):
                vote[word] += 1
