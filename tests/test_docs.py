"""The pages say what is so: commands parse, links and paths lead somewhere, the site builds."""

import ast
import importlib
import importlib.util
import inspect
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
import typer
import yaml

from sif.cli.main import build_app

ROOT: Final = Path(__file__).parents[1]
DOCS: Final = ROOT / "docs"
PAGES: Final = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in (*sorted(DOCS.rglob("*.md")), ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md")
}
# What stands for something else in a command: `sif bench STUDY`, and notes in brackets.
SHAPES: Final = re.compile(r"\bSTUDY\b|\[|…")


class Line(NamedTuple):
    """A command as a page shows it."""

    page: str
    text: str


# A language may stand in braces, where a formatter should leave the code alone.
FENCED: Final = re.compile(r"^( *)```(?:\{ \.)?(\w*)[^\n]*\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)


class Block(NamedTuple):
    """A fenced block of a page, without its indentation (tabs)."""

    language: str
    code: str


def _blocks(text: str) -> list[Block]:
    return [
        Block(language, re.sub(rf"^{indent}", "", code, flags=re.MULTILINE))
        for indent, language, code in FENCED.findall(text)
    ]


def _lines(block: Block) -> list[str]:
    """Commands of a block; a line that goes on is one with the next."""
    return [line.strip() for line in block.code.replace("\\\n", " ").splitlines() if line.strip()]


def _shown(text: str) -> Iterator[str]:
    """Commands in blocks without a language, and in running text."""
    for block in _blocks(text):
        if not block.language:
            yield from _lines(block)
    for code in re.findall(r"(?<!`)`([^`]+)`(?!`)", FENCED.sub("", text)):
        yield " ".join(code.split())


def _commands(page: str) -> list[Line]:
    return [Line(page, text) for text in _shown(PAGES[page]) if re.match(r"sif [a-z]", text)]


# A changelog also names what is gone.
LINES: Final = [line for page in PAGES if page != "CHANGELOG.md" for line in _commands(page)]


def _words(text: str) -> list[str]:
    """Words of a command, as a shell reads them: a comment begins behind a space, not in a word."""
    return shlex.split(re.sub(r"(^|\s)#.*$", "", text))


def _fault(text: str) -> str:
    """What is wrong with a command; nothing if the command line would take it."""
    words = _words(text)[1:]
    command: Any = typer.main.get_command(build_app())
    while words and hasattr(command, "commands"):
        if words[0] not in command.commands:
            return f"no command {words[0]}"
        command = command.commands[words.pop(0)]
    if hasattr(command, "commands"):
        return ""
    options = {name: it for it in command.params for name in (*it.opts, *it.secondary_opts)}
    placed = [it for it in command.params if it.param_type_name == "argument"]
    given = 0
    while words:
        word, equals, _ = words.pop(0).partition("=")
        if word == "--":  # what stands behind it is for somebody else
            break
        if not word.startswith("-"):
            given += 1
        elif word not in options:
            return f"no option {word}"
        elif not (options[word].is_flag or options[word].count or equals):
            if not words:
                return f"{word} lacks its value"
            words.pop(0)
    most = None if any(it.nargs == -1 for it in placed) else len(placed)
    return f"{given} arguments, at most {most}" if most is not None and given > most else ""


def _settings_fault(text: str) -> str:
    """What is wrong with the settings of a study; nothing where its module is not there."""
    from sif.errors import UsageError
    from sif.eval.studies import STUDIES, find_study
    from sif.eval.study import read_settings

    words = _words(text)
    if importlib.util.find_spec(STUDIES[words[2]].module) is None:
        return ""
    given = [after for before, after in pairwise(words) if before == "--set"]
    try:
        read_settings(find_study(words[2]), given, quick="--quick" in words)
    except UsageError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("page", dict.fromkeys(line.page for line in LINES))
def test_every_command_parses(page: str) -> None:
    faults = {
        line.text: fault
        for line in LINES
        if line.page == page and not SHAPES.search(line.text) and (fault := _fault(line.text))
    }
    assert not faults


def test_commands_are_found_in_every_part() -> None:
    parts = {line.page.split("/")[1] for line in LINES if line.page.startswith("docs/")}
    assert {"index.md", "tutorials", "how-to", "reference", "explanation"} <= parts
    assert len(LINES) > 100


@pytest.mark.parametrize(
    "text",
    ["sif verfy fp x", "sif verify fp x --no-such", "sif verify fp x y", "sif verify fp x --run"],
)
def test_a_command_that_does_not_exist_is_told(text: str) -> None:
    assert _fault(text)


def test_every_setting_of_a_study_exists() -> None:
    bench = [line.text for line in LINES if re.match(r"sif bench [a-z]+ ", line.text)]
    faults = {
        text: fault
        for text in bench
        if not SHAPES.search(text) and not _fault(text) and (fault := _settings_fault(text))
    }
    assert not faults
    assert any("--set" in text for text in bench)


CODE: Final = [
    (page, block.code)
    for page, text in PAGES.items()
    for block in _blocks(text)
    if block.language == "python" and "--8<--" not in block.code
]


@pytest.mark.parametrize(("page", "code"), CODE, ids=[page for page, _ in CODE])
def test_python_calls_what_there_is(page: str, code: str) -> None:
    import sif

    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom):
            module = importlib.import_module(node.module or "")
            assert all(hasattr(module, it.name) for it in node.names), ast.unparse(node)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "sif":
            assert node.attr in sif.__all__
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("sif."):
            taken = inspect.signature(_named(ast.unparse(node.func))).parameters
            assert {word.arg for word in node.keywords} <= set(taken), ast.unparse(node)


def _named(path: str) -> Any:
    import sif

    found: Any = sif
    for name in path.split(".")[1:]:
        found = getattr(found, name)
    return found


def test_all_public_names_are_in_the_reference() -> None:
    import sif

    text = "".join(text for page, text in PAGES.items() if "reference/python/" in page)
    assert {name for name in sif.__all__ if f"::: sif.{name}\n" not in text} == set()


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", PAGES[page]):
        generated = "commands/" in link
        if not (link.startswith("http") or generated):
            assert ((ROOT / page).parent / link).exists(), link


@pytest.mark.parametrize("page", PAGES)
def test_every_path_of_the_checkout_is_there(page: str) -> None:
    folders = "sif|attacks|eval|watermark|prompts|tests|tools|docs|examples"
    named = re.findall(rf"`((?:{folders})/[\w./*-]+)(?:::\w+)?`", PAGES[page])
    for path in named:
        if not path.isupper() and "NAME" not in path:
            assert list(ROOT.glob(path.rstrip("/"))), path


def test_every_page_is_in_the_navigation() -> None:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    named = set(re.findall(r"[\w./-]+\.md", text.split("\nnav:")[1]))
    assert named == {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")}


def test_figures_say_what_they_were_measured_on() -> None:
    for page, text in PAGES.items():
        if "/figures/" in page:
            words = " ".join(text.split())
            sizes = ("mini models of 2 to 3", "a LLaVA of 273")
            measured = any(
                f"{size} million parameters; nothing yet on 7B" in words for size in sizes
            )
            assert measured or "No model was loaded" in words, page


def test_nothing_is_fetched_from_elsewhere() -> None:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert "font: false" in text
    assert "http" not in text


def test_the_citation_file_is_whole() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors", "version"} <= cited.keys()
    assert cited["version"] in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_contributing_names_every_kind_of_addition() -> None:
    text = PAGES["CONTRIBUTING.md"]
    for kind in ("attack", "suspect", "recipe", "study"):
        assert f"## Add a {kind}" in text or f"## Add an {kind}" in text


@pytest.mark.slow
def test_the_tutorial_on_classifiers_goes_as_it_says(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    text = PAGES["docs/tutorials/fingerprint-a-classifier.md"]
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    settings = iter(re.findall(r"Write `([^`]+)`", text))
    said = []
    for block in _blocks(text):
        if block.language == "yaml":
            (tmp_path / next(settings)).write_text(block.code)
        elif not block.language:
            said += [_run(line, tmp_path) for line in _lines(block)]
    train, verify, ranks, rank = said[1:]
    assert "0 of 19 held-out independent networks score above it" in train
    assert "at most 0.05, whatever it is" in ranks
    for told in (verify, rank):
        assert re.search(r"^DERIVED +torch:digits/stolen", told, re.MULTILINE), told
        assert re.search(r"^NOT SHOWN +torch:digits/other", told, re.MULTILINE), told


def _run(line: str, folder: Path) -> str:
    """What a command of a tutorial prints."""
    program, *words = shlex.split(line)
    start = {"sif": ["-m", "sif.cli.main"], "python": []}[program]
    outcome = subprocess.run(
        [sys.executable, *start, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert outcome.returncode == 0, outcome.stderr[-2000:]
    return outcome.stdout


@pytest.mark.slow
def test_the_site_builds_strictly_and_offline(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs")
    pytest.importorskip("material")
    pytest.importorskip("mkdocstrings")
    nowhere = "http://127.0.0.1:9"
    outcome = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(tmp_path / "site")],
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            **dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), nowhere),
        },
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert outcome.returncode == 0, outcome.stderr[-3000:]
    for page in (tmp_path / "site").rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        fetched = re.findall(
            r"<(?:script|link|img)[^>]*(?:src|href)=[\"']?(https?:[^\"' >]+)", text
        )
        assert not fetched, (page, fetched)
    shown = {
        "reference/commands/verify.html": "--image-attack",
        "reference/python/verdicts.html": "Asks a suspect about the trigger images",
        "tutorials/fingerprint-a-classifier.html": "load_digits",
    }
    for page, words in shown.items():
        assert words in (tmp_path / "site" / page).read_text(encoding="utf-8"), page
