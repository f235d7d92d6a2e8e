import pytest
import torch

from sif.errors import UsageError
from sif.watermark.activemark.projection import bits_of, choose_directions, read_out


def features(number: int = 200) -> torch.Tensor:
    drawn = torch.randn(number, 16, generator=torch.Generator().manual_seed(0))
    return drawn * torch.logspace(-2, 1, 16) + 5.0


@pytest.mark.parametrize("kind", ["quiet", "any"])
def test_directions_are_orthonormal_and_always_the_same(kind: str) -> None:
    directions = choose_directions(features(), bits=6, kind=kind)
    assert torch.allclose(directions @ directions.T, torch.eye(6), atol=1e-5)
    assert torch.equal(directions, choose_directions(features(), bits=6, kind=kind))


def test_quiet_directions_are_those_in_which_features_hardly_vary() -> None:
    quiet = choose_directions(features(), bits=6, kind="quiet")
    spread = (features() - features().mean(0)) @ quiet.T
    assert float(spread.std(0).max()) < 0.2
    assert float(features().std(0).max()) > 8.0


def test_more_bits_than_dimensions_are_refused() -> None:
    with pytest.raises(UsageError, match="at most 16 bits"):
        choose_directions(features(), bits=17, kind="quiet")


def test_what_all_images_have_in_common_is_taken_out() -> None:
    directions = choose_directions(features(), bits=6, kind="any")
    before = read_out(features(), directions)
    after = read_out(features() + torch.linspace(-9, 9, 16), directions)
    assert torch.allclose(before, after, atol=1e-3)


def test_a_bit_is_the_sign() -> None:
    assert bits_of(torch.tensor([[0.1, -0.1, 0.0]])).tolist() == [[True, False, False]]
