import pytest

from sif.attacks.images import Jpeg
from sif.errors import UsageError


@pytest.mark.parametrize("number", [75.5, 0, 101, float("nan"), float("inf")])
def test_a_number_that_the_text_form_could_not_hold_is_refused(number: int | float) -> None:
    with pytest.raises(UsageError, match="whole number from 1 to 100"):
        Jpeg.strength.check(number)
