"""What the help of all commands has in common."""

from collections.abc import Iterator

import click
import pytest
import typer
from rich.text import Text

from sif.attacks.answers.parse import NAMES as ANSWER_ATTACKS
from sif.attacks.images.parse import NAMES as IMAGE_ATTACKS
from sif.cli.main import build_app
from tests.cli.command import Run


def commands() -> dict[str, click.Command]:
    """All of them, by what is typed."""

    def walk(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
        yield name, command
        for key, inner in getattr(command, "commands", {}).items():
            yield from walk(f"{name} {key}", inner)

    return dict(walk("sif", typer.main.get_command(build_app())))


def help_of(command: str, option: str) -> str:
    (found,) = (it for it in commands()[command].params if option in it.opts)
    return str(getattr(found, "help", ""))


def test_no_help_holds_brackets_that_the_terminal_takes_for_marks() -> None:
    for name, command in commands().items():
        texts = [command.help, *(getattr(it, "help", None) for it in command.params)]
        for text in filter(None, texts):
            assert Text.from_markup(text).plain == text.replace("\\[", "["), name


@pytest.mark.parametrize(
    ("command", "default"),
    [
        ("fingerprint", "all images"),
        ("claim commit", "made where missing"),
        ("activemark bounds", "that of the watermark"),
        ("zoo purifier", "12 and 24"),
    ],
)
def test_defaults_in_words_are_shown(
    sif: Run, monkeypatch: pytest.MonkeyPatch, command: str, default: str
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert f"{default})]" in sif(*command.split(), "--help")[1]


@pytest.mark.parametrize(
    ("option", "names"), [("--image-attack", IMAGE_ATTACKS), ("--answer-attack", ANSWER_ATTACKS)]
)
def test_every_attack_stands_in_the_help_of_its_option(option: str, names: tuple[str, ...]) -> None:
    words = help_of("sif verify", option).replace(",", " ").replace(".", " ").split()
    named = {word.partition(":")[0] for word in words}
    assert set(names) <= named


@pytest.mark.parametrize(
    ("group", "order"),
    [
        (
            "claim",
            [
                *("secret", "commit", "witness", "timestamp", "reveal", "audit"),
                *("show-possession", "check-possession"),
            ],
        ),
        ("activemark", ["profile", "embed", "verify", "bounds"]),
    ],
)
def test_commands_stand_in_the_order_of_their_use(group: str, order: list[str]) -> None:
    assert list(getattr(commands()[f"sif {group}"], "commands", {})) == order
