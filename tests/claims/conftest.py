"""A time-stamping authority and two claims, made once; every audit is made twice."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.claims.authority import Authority
from tests.claims.checked_twice import watch
from tests.claims.made import Claim, Files, make_claim


@pytest.fixture(scope="session", autouse=True)
def compared() -> Iterator[list[str]]:
    """Roots of all bundles so far that a second verifier computed again."""
    with pytest.MonkeyPatch.context() as patch:
        yield watch(patch)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tsa") / "tsa")


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Another authority, which no auditor trusts; it signs with an elliptic curve."""
    return Authority(tmp_path_factory.mktemp("tsa") / "other", name="Other", curve=True)


@pytest.fixture(scope="session")
def claim(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Claim:
    """An anchored, timestamped claim."""
    return make_claim(tmp_path_factory.mktemp("claim"), authority, anchored=True)


@pytest.fixture(scope="session")
def numbered(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Claim:
    """An anchored claim of before, asked in the order in which its maker numbered the triggers."""
    folder = tmp_path_factory.mktemp("numbered")
    return make_claim(folder, authority, anchored=True, order="fingerprint")


@pytest.fixture(scope="session")
def plain(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Claim:
    """A claim without anchor and timestamp."""
    folder = tmp_path_factory.mktemp("plain")
    return make_claim(folder, authority, anchored=False, stamped=False)


@pytest.fixture
def files(claim: Claim, tmp_path: Path) -> Files:
    """The files of the anchored claim's bundle, to change."""
    return claim.files(tmp_path / "unpacked")
