import pytest

from sif.errors import UsageError
from sif.eval.marks.setting import SOURCES, MarkSettings, copies, innocents
from sif.eval.marks.study import STUDY
from sif.eval.study import read_settings


@pytest.mark.parametrize("source", SOURCES)
def test_nobody_is_copy_and_innocent_and_the_source_itself_is_no_innocent(source: str) -> None:
    own = "llava-source" if source == "llava-tower" else "dino-source"
    assert not set(copies()) & set(innocents(source))
    assert own not in innocents(source)
    assert len(innocents(source)) == len(set(innocents(source))) >= 10


def test_keys_of_owner_thief_and_every_mark_differ() -> None:
    setting = MarkSettings()
    commitments = {
        setting.keys(source, mode, owner).commitment("x")
        for source in SOURCES
        for mode in ("paper", "keyed")
        for owner in ("owner", "thief")
    }
    assert len(commitments) == 8
    assert setting.keys("dino", "keyed") == MarkSettings().keys("dino", "keyed")
    assert setting.keys("dino", "keyed") != MarkSettings(seed=1).keys("dino", "keyed")


def test_the_marked_model_is_always_read() -> None:
    setting = MarkSettings(suspects=("int8",))
    assert setting.everybody("dino") == {"marked": "copy", "int8": "copy"}


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("sources=gpt", "'llava-tower' or 'dino'"),
        ("modes=secret", "'paper', 'injected' or 'keyed'"),
        ("suspects=nobody", "nobody"),
        ("sources=", "at least 1 entry"),
    ],
)
def test_unknown_names_are_refused(typed: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read_settings(STUDY, [typed], quick=True)


def test_quick_takes_one_source() -> None:
    setting = read_settings(STUDY, ["modes=keyed", "seed=3"], quick=True)
    assert setting.sources == ("llava-tower",)
    assert (setting.modes, setting.seed) == (("keyed",), 3)
    assert setting.tuning_steps < MarkSettings().tuning_steps
