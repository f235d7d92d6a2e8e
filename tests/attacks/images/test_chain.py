import pytest

from sif.attacks.images import Bits, Blur, Chain, ImageAttack, Jpeg, Nothing, Resize, in_order
from sif.errors import UsageError
from tests.attacks.images.pictures import white_noise

SMALL, COMPRESSED = Resize(factor=0.5), Jpeg(quality=30)


def test_each_attack_works_on_what_the_one_before_it_left() -> None:
    chain = Chain(steps=(SMALL, COMPRESSED))
    by_hand = COMPRESSED.apply(SMALL.apply(white_noise()))
    assert chain.apply(white_noise()).tobytes() == by_hand.tobytes()


def test_the_order_matters() -> None:
    there, back = Chain(steps=(SMALL, COMPRESSED)), Chain(steps=(COMPRESSED, SMALL))
    assert there != back
    assert there.apply(white_noise()).tobytes() != back.apply(white_noise()).tobytes()


@pytest.mark.parametrize(
    ("attacks", "one"),
    [
        ([], Nothing()),
        ([Nothing(), Nothing()], Nothing()),
        ([Nothing(), SMALL], SMALL),
        ([SMALL, Chain(steps=(SMALL, COMPRESSED))], Chain(steps=(SMALL, SMALL, COMPRESSED))),
    ],
)
def test_attacks_in_order_are_one_attack_in_its_shortest_form(
    attacks: list[ImageAttack], one: ImageAttack
) -> None:
    assert in_order(attacks) == one


@pytest.mark.parametrize(
    "steps",
    [
        (),
        (SMALL,),
        (SMALL, Nothing()),
        (Bits(bits=5), Chain(steps=(SMALL, Blur(radius=1)))),
    ],
)
def test_a_chain_that_has_a_shorter_form_is_refused(steps: tuple[ImageAttack, ...]) -> None:
    with pytest.raises(UsageError, match="two or more single attacks"):
        Chain(steps=steps)
