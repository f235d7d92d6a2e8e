"""One way in for attacks on images and on answers. Knows no single attack."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import groupby

from sif.attacks import answers, images
from sif.attacks.images.parse import NAMES as IMAGE_ATTACKS
from sif.errors import UsageError
from sif.types import Suspect

Attack = images.ImageAttack | answers.AnswerAttack | answers.ServingAttack
Wrapper = Callable[[Suspect], Suspect]


def attacked(suspect: Suspect, *attacks: str | Attack | Wrapper, seed: int = 0) -> Suspect:
    """The suspect with attacks around it, from the model outwards; again a suspect.

    Neighbours of one kind happen in their order: `Jpeg, Blur` shows the model blurred JPEGs,
    `Truncate, Drop` drops sentences of truncated answers. What works on pictures and what works on
    words commute, but for attacks that draw their chances from the question as they see it. The
    name of the result says every attack, the innermost first.

    Args:
        suspect: the one that is asked.
        attacks: on images, answers and serving, as words (`jpeg:75`, `truncate:0.5`) or as
            values, and anything else that makes a suspect out of a suspect, such as a defence.
        seed: of what attacks on answers draw.

    Raises:
        UsageError: no suspect, something that is no attack, or a suspect that cannot be served so.
        ModelError: a second model that cannot be loaded.
    """
    if not isinstance(suspect, Suspect):
        raise UsageError(f"expected a suspect, as of sif.connect, got {str(suspect)[:80]!r}")
    understood = [one for attack in attacks for one in _understood(attack)]
    for wrap in _wrappers(understood, seed):
        suspect = wrap(suspect)
    return suspect


def _understood(attack: str | Attack | Wrapper) -> Sequence[Attack | Wrapper]:
    """Words as the attacks that they name; anything else as it is."""
    if not isinstance(attack, str):
        kinds = images.ImageAttack, answers.AnswerAttack, answers.ServingAttack
        if not (isinstance(attack, kinds) or callable(attack)):
            raise UsageError(f"expected an attack such as 'jpeg:75', got {str(attack)[:80]!r}")
        return [attack]
    name = attack.partition(":")[0].partition("+")[0].strip()
    if name in IMAGE_ATTACKS:
        return [images.parse_image_attack(attack)]
    try:
        return answers.parse_answer_attacks(attack)
    except UsageError as error:
        known = ", ".join(IMAGE_ATTACKS)
        raise UsageError(f"expected an attack on images ({known}), or: {error}") from error


def _wrappers(attacks: Sequence[Attack | Wrapper], seed: int) -> Iterator[Wrapper]:
    for kind, some in groupby(attacks, _kind):
        if kind is images.ImageAttack:
            image = images.in_order(one for one in some if isinstance(one, images.ImageAttack))
            if image != images.Nothing():
                yield partial(images.AttackedSuspect, attack=image)
        elif kind is answers.AnswerAttack:
            words = answers.in_order(one for one in some if isinstance(one, answers.AnswerAttack))
            if words != answers.Nothing():
                yield partial(answers.AttackedAnswers, attack=words, seed=seed)
        else:
            for one in some:
                if isinstance(one, answers.ServingAttack):
                    yield one.around
                elif callable(one):
                    yield one


def _kind(attack: Attack | Wrapper) -> type | None:
    for kind in (images.ImageAttack, answers.AnswerAttack):
        if isinstance(attack, kind):
            return kind
    return None
