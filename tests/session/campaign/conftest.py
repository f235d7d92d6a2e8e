"""Places that are asked, and the fingerprint that they are asked about."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sif.fingerprint.folder import FingerprintSet
from tests.session.campaign.places import Place, Script, by_pixels, green_words, uncalibrated

Open = Callable[[Script], Place]


@pytest.fixture(scope="session")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return uncalibrated(tmp_path_factory.mktemp("golden") / "fp")


@pytest.fixture(scope="session")
def pixels(golden: Path) -> dict[bytes, str]:
    return by_pixels(FingerprintSet.load(golden))


@pytest.fixture(scope="session")
def greens(golden: Path) -> dict[str, str]:
    return green_words(FingerprintSet.load(golden))


@pytest.fixture
def places(pixels: dict[bytes, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Opens places; whoever asks them waits for next to nothing before trying again."""
    for name, seconds in (("FIRST_PAUSE", 0.01), ("LONGEST_PAUSE", 0.05)):
        monkeypatch.setattr(f"sif.suspects.openai_suspect.{name}", seconds)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    running: list[Place] = []

    def begin(script: Script) -> Place:
        place = Place(script, pixels)
        place.begin()
        running.append(place)
        return place

    yield begin
    for place in running:
        place.end()
