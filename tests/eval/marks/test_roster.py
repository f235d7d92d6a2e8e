import pytest

from sif.errors import UsageError
from sif.eval.marks.roster import copies, innocents
from sif.eval.marks.run import setting_of
from sif.eval.marks.setting import SOURCES, Setting
from sif.eval.marks.suspecting import everybody


@pytest.mark.parametrize("source", SOURCES)
def test_nobody_is_copy_and_innocent_and_the_source_itself_is_no_innocent(source: str) -> None:
    own = "llava-source" if source == "llava-tower" else "dino-source"
    assert not set(copies()) & set(innocents(source))
    assert own not in innocents(source)
    assert len(innocents(source)) == len(set(innocents(source))) >= 10


def test_keys_of_owner_thief_and_every_mark_differ() -> None:
    setting = Setting()
    commitments = {
        setting.keys(source, mode, owner).commitment("x")
        for source in SOURCES
        for mode in ("paper", "keyed")
        for owner in ("owner", "thief")
    }
    assert len(commitments) == 8
    assert setting.keys("dino", "keyed") == Setting().keys("dino", "keyed")
    assert setting.keys("dino", "keyed") != Setting(seed=1).keys("dino", "keyed")


def test_the_marked_model_is_always_read() -> None:
    setting = Setting(suspects=("int8",))
    assert everybody(setting, "dino") == {"marked": "copy", "int8": "copy"}


@pytest.mark.parametrize(
    ("sources", "modes", "suspects", "words"),
    [
        (["gpt"], ["keyed"], None, "llava-tower, dino"),
        (["dino"], ["secret"], None, "paper, injected, keyed"),
        (["dino"], ["keyed"], ["nobody"], "nobody"),
        ([], ["keyed"], None, "none"),
    ],
)
def test_unknown_names_are_refused(sources, modes, suspects, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        setting_of(sources, modes, suspects=suspects, seed=0, quick=True)


def test_quick_takes_one_source() -> None:
    setting = setting_of(SOURCES, ["keyed"], suspects=None, seed=3, quick=True)
    assert setting.sources == ("llava-tower",)
    assert setting.seed == 3
    assert setting.tuning_steps < Setting().tuning_steps
