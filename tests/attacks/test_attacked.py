"""Attacks on images, answers and serving in one helper, in any order, with defences between."""

from collections.abc import Sequence

import pytest

from sif.attacks.answers import Cache, Drop, Prefix, Temperature, Truncate, Withhold
from sif.attacks.answers import Nothing as NoAnswerAttack
from sif.attacks.attacked import attacked
from sif.attacks.images import Bits, Jpeg, Nothing, in_order
from sif.suspects.scripted import ScriptedSuspect
from sif.types import Answer, Query, Reply, Suspect, Unanswered
from tests.attacks.answers.texts import QUERY


@pytest.fixture
def telltale() -> ScriptedSuspect:
    """Says which pixels and settings it saw."""

    def describe(query: Query) -> str:
        return f"{query.image.tobytes()[:9].hex()} at {query.generation.temperature}"

    return ScriptedSuspect(describe, name="hf:m")


class Censor:
    """A defence that withholds what does not begin with a word."""

    def __init__(self, suspect: Suspect, word: str) -> None:
        self._suspect, self._word = suspect, word

    @property
    def name(self) -> str:
        return f"{self._suspect.name} (censor)"

    def ask(self, queries: Sequence[Query]) -> list[Reply]:
        return [
            reply
            if isinstance(reply, Answer) and reply.text.startswith(self._word)
            else Unanswered(reason="censored")
            for reply in self._suspect.ask(queries)
        ]

    def close(self) -> None:
        self._suspect.close()


def test_without_attacks_the_suspect_is_itself(telltale: ScriptedSuspect) -> None:
    assert attacked(telltale) is telltale
    assert attacked(telltale, Nothing(), NoAnswerAttack()) is telltale


def test_an_attacked_suspect_is_a_suspect(telltale: ScriptedSuspect) -> None:
    suspect = attacked(telltale, Jpeg(quality=10), Temperature(temperature=1), Drop(share=1))
    assert isinstance(suspect, Suspect)


def test_neighbours_of_a_kind_happen_in_their_order(telltale: ScriptedSuspect) -> None:
    first, second = Jpeg(quality=10), Bits(bits=1)
    attacked(telltale, first, second, Truncate(share=0.5)).ask([QUERY])
    chain = in_order([first, second])
    assert telltale.asked[0].image.tobytes() == chain.apply(QUERY.image).tobytes()
    (reply,) = attacked(telltale, Truncate(share=0.01), Prefix(words="Sure!")).ask([QUERY])
    assert isinstance(reply, Answer)
    assert len(reply.text.split()) == 2


def test_attacks_on_pictures_and_on_words_commute(telltale: ScriptedSuspect) -> None:
    image, words = Bits(bits=1), Truncate(share=0.5)
    one, other = attacked(telltale, image, words), attacked(telltale, words, image)
    assert one.ask([QUERY]) == other.ask([QUERY]) != telltale.ask([QUERY])


def test_the_name_says_every_attack_from_the_model_outwards(telltale: ScriptedSuspect) -> None:
    attacks = (Temperature(temperature=0.7), Truncate(share=0.5), Drop(share=0.3), Cache())
    suspect = attacked(telltale, Jpeg(quality=75), *attacks, Jpeg(quality=50))
    assert suspect.name == (
        "hf:m (image jpeg:75) (answers temperature:0.7) (answers truncate:0.5+drop:0.3) "
        "(answers cache) (image jpeg:50)"
    )


def test_other_orders_have_other_names(telltale: ScriptedSuspect) -> None:
    attacks = [Jpeg(quality=75), Truncate(share=0.5), Withhold(rate=0.5), Cache()]
    names = {
        attacked(telltale, *attacks[turn:], *attacks[:turn]).name for turn in range(len(attacks))
    }
    assert len(names) == len(attacks)


def test_a_defence_takes_its_place_among_the_attacks(telltale: ScriptedSuspect) -> None:
    def censor(suspect: Suspect) -> Suspect:
        return Censor(suspect, "Sure!")

    inside = attacked(telltale, censor, Prefix(words="Sure!"))
    outside = attacked(telltale, Prefix(words="Sure!"), censor)
    assert inside.ask([QUERY]) == [Unanswered(reason="censored")]
    assert isinstance(outside.ask([QUERY])[0], Answer)
    assert outside.name == 'hf:m (answers prefix:"Sure!") (censor)'


def test_a_seed_reaches_the_attacks_on_answers(telltale: ScriptedSuspect) -> None:
    assert attacked(telltale, Truncate(share=0.5), seed=2).name == (
        "hf:m (answers truncate:0.5 seed 2)"
    )
