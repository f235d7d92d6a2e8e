"""Habits that keep the house readable: sizes of files and functions, thin commands, clear names."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
ROOMS = ("sif", "attacks", "eval", "watermark", "prompts")
LONGEST_FUNCTION, LONGEST_FILE, LONGEST_COMMAND = 80, 400, 40

# A stem stands in so many folders at most, unless it means the same in each of them.
MOST_FOLDERS = 3
SAME_EVERYWHERE = {
    "__init__": "what a package offers",
    "folder": "how something lies on disk",
    "study": "a study of the laboratory: its settings and its work",
}


@cache
def trees() -> dict[Path, ast.Module]:
    paths = [
        path
        for room in ROOMS
        for path in sorted((ROOT / room).rglob("*.py"))
        if not any(parent.is_symlink() for parent in path.parents)
    ]
    return {path.relative_to(ROOT): ast.parse(path.read_text(encoding="utf-8")) for path in paths}


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def lines_of(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def body_of(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines behind the docstring."""
    inside = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return (node.end_lineno or 0) - inside[0].lineno + 1 if inside else 0


def test_no_function_is_long() -> None:
    found = {
        f"{path}:{node.lineno} {node.name}": lines_of(node)
        for path, tree in trees().items()
        for node in functions(tree)
        if lines_of(node) > LONGEST_FUNCTION
    }
    assert found == {}


def test_no_file_is_long() -> None:
    lengths = {path: (ROOT / path).read_text(encoding="utf-8").count("\n") for path in trees()}
    assert {path: length for path, length in lengths.items() if length > LONGEST_FILE} == {}


def test_no_command_does_more_than_parse_call_and_show() -> None:
    found = {
        f"{path}:{node.lineno} {node.name}": body_of(node)
        for path, tree in trees().items()
        if path.parts[:2] == ("sif", "cli")
        for node in functions(tree)
        if body_of(node) > LONGEST_COMMAND
    }
    assert found == {}


def test_one_file_stem_means_one_thing() -> None:
    places = defaultdict(set)
    for path in trees():
        places[path.stem].add(path.parent.as_posix())
    many = {
        stem: sorted(folders)
        for stem, folders in places.items()
        if len(folders) > MOST_FOLDERS and stem not in SAME_EVERYWHERE
    }
    assert many == {}


def test_every_module_says_what_it_is() -> None:
    silent = [path for path, tree in trees().items() if tree.body and not ast.get_docstring(tree)]
    assert silent == []
