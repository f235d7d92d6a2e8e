"""Writes the reference of the command line while the site is built, from the command line itself.

One page for each command and each group of commands; `reference/commands/` in the navigation of
mkdocs.yml stands for all of them. Knows nothing of what commands do.
"""

import inspect
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any, Final

import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from sif.cli.main import build_app

FOLDER: Final = "reference/commands/"
INTRODUCTION: Final = """# Command line

Written from the program when this site was built; `sif COMMAND --help` says the same. Before any
command stand `-v` (say more; `-vv` for everything) and `--version`. Exit codes: 0 done, whatever
the verdict; 1 failed; 2 wrong usage; 3 a verdict that `--fail-if` names; 130 interrupted;
143 told to end.

| command | what it does |
|---|---|
"""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Puts the pages where the navigation names their folder."""
    names = [f"{FOLDER}{name}.md" for name in ("index", *_commands())]
    config.nav = _filled(config.nav, names)
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages."""
    pages = {name: "\n\n".join(_page(name, it)) for name, it in _commands().items()}
    rows = [f"| [`sif {name}`]({name}.md) | {_line(it)} |" for name, it in _commands().items()]
    pages["index"] = INTRODUCTION + "\n".join(rows)
    for name, text in pages.items():
        files.append(File.generated(config, f"{FOLDER}{name}.md", content=text + "\n"))
    return files


def _commands() -> dict[str, Any]:
    found: dict[str, Any] = typer.main.get_command(build_app()).commands
    return {name: it for name, it in found.items() if not it.hidden}


def _filled(entry: Any, names: list[str]) -> Any:
    if isinstance(entry, list):
        return [_filled(one, names) for one in entry]
    if isinstance(entry, dict):
        return {title: _filled(one, names) for title, one in entry.items()}
    return names if entry == FOLDER else entry


def _page(name: str, command: Any, *, level: int = 1) -> Iterator[str]:
    """A command, and those inside it."""
    yield f"{'#' * level} sif {name}"
    yield _words(command)
    inner = {key: it for key, it in getattr(command, "commands", {}).items() if not it.hidden}
    if not inner:
        yield f"```\n{_usage(name, command)}\n```"
        yield _table(command)
    for key, it in inner.items():
        yield from _page(f"{name} {key}", it, level=level + 1)
        if name == "bench":
            yield _settings(key)


def _words(command: Any) -> str:
    """The help, its paragraphs as they are, without marks for the terminal."""
    return inspect.cleandoc(command.help or "").replace("\b\n", "").replace("\f", "")


def _line(command: Any) -> str:
    return _words(command).partition("\n\n")[0].replace("\n", " ").replace("|", "\\|")


def _usage(name: str, command: Any) -> str:
    placed = [it for it in command.params if it.param_type_name == "argument" and not it.hidden]
    shown = [_placed(it) if it.required else f"[{_placed(it)}]" for it in placed]
    needed = [
        f"{it.opts[0]} {_value(it, command)}"
        for it in command.params
        if it.param_type_name == "option" and it.required
    ]
    return " ".join(["sif", name, *shown, *needed, "[OPTIONS]"])


def _placed(it: Any) -> str:
    return it.name.upper() + ("…" if it.nargs == -1 else "")


def _table(command: Any) -> str:
    shown = [it for it in command.params if not it.hidden and it.name != "help"]
    rows = [f"| {_names(it, command)} | {_meaning(it)} |" for it in shown]
    return "\n".join(["| argument or option | meaning |", "|---|---|", *rows]) if rows else ""


def _names(it: Any, command: Any) -> str:
    if it.param_type_name == "argument":
        return f"`{_placed(it)}`"
    names = ", ".join(f"`{name}`" for name in (*it.opts, *it.secondary_opts))
    return names if it.is_flag or it.count else f"{names} `{_value(it, command)}`"


def _value(it: Any, command: Any) -> str:
    """What stands behind an option: the command's own word for it, or its type."""
    kind: str = it.metavar or it.display_type(typer.Context(command))
    return kind.replace(" range", "").replace("|", " or ")


def _meaning(it: Any) -> str:
    words = " ".join((it.help or "").split()).replace("|", "\\|")
    if it.param_type_name == "argument":
        return words
    if it.required:
        return f"{words} **Required.**"
    default = it.show_default if isinstance(it.show_default, str) else it.default
    if it.is_flag or it.count or default in (None, "", (), []):
        return words
    return f"{words} Default: `{getattr(default, 'value', default)}`."


def _settings(study: str) -> str:
    """What `--set` takes in a study."""
    from sif.eval.studies import STUDIES, find_study
    from sif.eval.study import settings_of

    if find_spec(STUDIES[study].module) is None:
        return ""
    rows = [
        f"| `{it.name}` | {_code(it.default)} | {_code(it.quick)} | {it.words} |"
        for it in settings_of(find_study(study))
    ]
    head = ["| `--set` | default | with `--quick` | meaning |", "|---|---|---|---|"]
    return "\n".join([*head, *rows])


def _code(text: str) -> str:
    return f"`{text}`" if text else ""
