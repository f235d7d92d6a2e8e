from pathlib import Path

import pytest

from sif.errors import UsageError
from sif.eval.triggers.method import Method, parse_methods
from sif.fingerprint.recipe import load_recipe


def test_changes_reach_the_schedule_and_show_in_the_name() -> None:
    method = Method.parse("sif@epsilon=8+steps=100+minimum_frequency=null")
    plain = load_recipe("sif")
    assert method.name == "sif@epsilon=8+steps=100+minimum_frequency=null"
    assert method.recipe.schedule.epsilon == 8
    assert method.recipe.schedule.steps == 100
    assert method.recipe.schedule.minimum_frequency is None
    assert method.recipe.schedule.momentum == plain.schedule.momentum
    assert method.recipe.objective == plain.objective


def test_what_a_method_says_goes_before_what_is_said_of_all() -> None:
    own, other = parse_methods(("sif@steps=7", "pla"), steps=3, epsilon=None)
    assert (own.recipe.schedule.steps, other.recipe.schedule.steps) == (7, 3)
    assert other.recipe.schedule.epsilon == load_recipe("pla").schedule.epsilon
    assert other.name == "pla"


def test_a_file_may_have_an_at_in_its_path(tmp_path: Path) -> None:
    folder = tmp_path / "me@home"
    folder.mkdir()
    text = (Path(__file__).parents[3] / "sif" / "fingerprint" / "recipes" / "rna.yaml").read_text()
    (folder / "mine.yaml").write_text(text)
    plain, changed = parse_methods((f"{folder}/mine.yaml", f"{folder}/mine.yaml@epsilon=4"))
    assert (plain.name, changed.name) == ("mine", "mine@epsilon=4")
    assert changed.recipe.schedule.epsilon == 4


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("magic", "expected a recipe among"),
        ("sif@8", "such as sif@epsilon=8"),
        ("sif@", "such as sif@epsilon=8"),
        ("sif@epsilon=", "such as sif@epsilon=8"),
        ("sif@eps=8", r"fields of a schedule \(steps, epsilon.*got 'eps'"),
        ("sif@epsilon=8+epsilon=4", "epsilon again"),
        ("sif@epsilon=large", "a number, true, false or null.*'large'"),
        ("sif@epsilon=[8]", "such as sif@epsilon=8"),
        ("sif@epsilon=8 # |\x1b[31m", "such as sif@epsilon=8"),
        ("sif@epsilon=0", "schedule.epsilon: input should be greater than 0"),
        ("sif@steps=1.5", "schedule.steps: input should be a valid integer"),
        ("sif@steps=true", "schedule.steps: input should be a number, not true or false"),
        ("sif@minimum_frequency=yes", "minimum_frequency: input should be a number, not true"),
        ("proflingo@tokens=true", "tokens: input should be a number, not true or false"),
        ("proflingo@changed=false", "changed: input should be a number, not true or false"),
        ("instructional@rate=on", "rate: input should be a number, not true or false"),
        ("instructional@rate=1e999", "rate: input should be a finite number"),
        ("proflingo@tokens=2020-01-01", "a number, true, false or null.*'2020-01-01'"),
    ],
)
def test_what_makes_no_sense_is_refused_in_clear_words(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Method.parse(text)


def test_numbers_are_read_as_people_write_them() -> None:
    (method,) = parse_methods(("instructional@rate=5e-4+epochs=010+alpha=.5",))
    assert (method.recipe.rate, method.recipe.epochs, method.recipe.alpha) == (5e-4, 10, 0.5)  # type: ignore[union-attr]
    (method,) = parse_methods(("sif@round_pixels=false+momentum=1E-1",))
    assert method.recipe.schedule.round_pixels is False  # type: ignore[union-attr]
    assert method.recipe.schedule.momentum == 0.1  # type: ignore[union-attr]


def test_methods_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="sif twice"):
        parse_methods(("sif", "pla", "sif"))


@pytest.mark.parametrize(
    "name", ["a|b", "a`b", "two\nlines", "\x1b[31m", ".hidden", "x" * 81, "a b"]
)
def test_a_file_whose_name_would_break_tables_is_refused(name: str, tmp_path: Path) -> None:
    text = "kind: text_prefix\nname: mine\n"
    (tmp_path / f"{name}.yaml").write_text(text)
    with pytest.raises(UsageError, match=r"letters, digits, dots.*rename it") as caught:
        Method.parse(f"{tmp_path}/{name}.yaml")
    assert str(caught.value).isprintable()
    (tmp_path / "räuber-2.1.yaml").write_text(text)
    assert Method.parse(f"{tmp_path}/räuber-2.1.yaml").name == "räuber-2.1"


@pytest.mark.parametrize(
    "text",
    [
        "sif@step_size=.inf",
        "sif@step_size=-.inf",
        "proflingo@tokens=.inf",
        "instructional@rate=.inf",
        "instructional@alpha=.inf",
        "instructional@rank=1000000",
    ],
)
def test_absurd_numbers_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="input should be"):
        Method.parse(text)
