"""The layout of the house: one import root, imports one way, and habits a reader can rely on.

The rules are functions of a module's name and its syntax tree, so that they can be shown to bite.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from beartype.roar import BeartypeCallHintViolation
from jaxtyping import TypeCheckError

from sif.json_once import read_json
from sif.wear import rounded
from tests.type_checks import shaped_modules

ROOT = Path(__file__).parent.parent
LINKS = ("watermark", "attacks", "eval", "prompts")

# What a layer may import besides itself.
FOUNDATION = {
    "sif.child_output",
    "sif.errors",
    "sif.files",
    "sif.plain_files",
    "sif.scratch",
    "sif.staging",
    "sif.types",
    "sif.visible",
}
CORE = FOUNDATION | {"sif", "sif.prompts", "sif.scale", "sif.watermark"}
ALLOWED = {
    "sif.errors": set(),
    "sif.types": {"sif.errors"},
    "sif.staging": set(),
    "sif.plain_files": set(),
    "sif.visible": set(),
    "sif.child_output": {"sif.visible"},
    "sif.files": {"sif.errors", "sif.staging"},
    "sif.scratch": {"sif.staging"},
    "sif.scale": FOUNDATION,
    "sif.prompts": FOUNDATION,
    "sif.watermark": FOUNDATION,
    "sif": CORE,
    "sif.attacks": CORE,
    "sif.session": CORE | {"sif.attacks"},
    "sif.mini": CORE | {"sif.attacks", "sif.session"},
    "sif.eval": CORE | {"sif.attacks", "sif.session", "sif.mini"},
    "sif.cli": CORE | {"sif.attacks", "sif.session", "sif.mini", "sif.eval"},
    "the hall": CORE | {"sif.attacks", "sif.session"},
}
# The only ones outside the laboratory that may open its door.
LABORATORY = "sif.eval"
STUDENTS = ("sif.cli.bench", "sif.cli.zoo")
HEAVY = {
    "accelerate",
    "bitsandbytes",
    "matplotlib",
    "nltk",
    "onnxruntime",
    "openai",
    "peft",
    "piq",
    "ray",
    "scipy",
    "sentence_transformers",
    "skimage",
    "sklearn",
    "torch",
    "torchvision",
    "transformers",
    "vllm",
}
# Run as a script by whoever trains the mini models.
TALKS = "sif.eval.training.captions"
# The one way to the terminal, through which everything that is printed is made visible.
SAYS = "sif.cli.say"
# A program of its own whose standard output is a pipe to whoever started it.
ANSWERS_THROUGH_A_PIPE = "sif.networks.onnx_child"


class Module(NamedTuple):
    name: str
    tree: ast.Module


class Edge(NamedTuple):
    target: str
    line: int
    lazy: bool


def module(name: str, source: str) -> Module:
    return Module(name, ast.parse(source))


@cache
def modules() -> tuple[Module, ...]:
    paths = sorted(path for path in files(ROOT / "sif") if path.suffix == ".py")
    return tuple(module(dotted(path), path.read_text(encoding="utf-8")) for path in paths)


def files(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.is_dir():
            yield from files(path)
        else:
            yield path


def dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def layer_of(it: Module) -> str:
    """The module `sif` itself is the hall, which names what lies in rooms above the core."""
    return "the hall" if it.name == "sif" else layer(it.name)


def layer(name: str) -> str:
    head = ".".join(name.split(".")[:2])
    return head if head in ALLOWED else "sif"


def edges(tree: ast.AST, *, lazy: bool = False) -> Iterator[Edge]:
    """Every import, and whether it happens only when a function runs (or for type checkers)."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (Edge(alias.name, node.lineno, lazy) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield from (Edge(f"{base}.{alias.name}", node.lineno, lazy) for alias in node.names)
        else:
            deferred = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            typing_only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
            yield from edges(node, lazy=lazy or deferred or typing_only)


def name_of(node: ast.AST | None) -> str:
    return ast.unparse(node) if isinstance(node, ast.Name | ast.Attribute) else ""


def wrong_ways(it: Module) -> Iterator[str]:
    """Imports against the one-way rule, relative ones, and those of a bare root."""
    own = layer_of(it)
    for edge in edges(it.tree):
        root = edge.target.split(".")[0]
        if root in {*LINKS, "sif", ""} and not _may_import(own, edge.target):
            yield f"{it.name}:{edge.line} imports {edge.target}"


def _may_import(own: str, target: str) -> bool:
    return target.split(".")[0] == "sif" and layer(target) in {own} | ALLOWED[own]


def laboratory_in_the_library(it: Module) -> Iterator[str]:
    """Uses of the laboratory by anything but itself and the commands that are about it."""
    if layer(it.name) == LABORATORY or it.name.startswith(STUDENTS):
        return
    for edge in edges(it.tree):
        if layer(edge.target) == LABORATORY:
            yield f"{it.name}:{edge.line} imports {edge.target}"


def talking(it: Module) -> Iterator[str]:
    """Printing and exiting outside the command line, and outside what is run as a program."""
    if layer(it.name) == "sif.cli" or it.name == TALKS:
        return
    forbidden = {"print", "exit", "quit", "sys.exit", "os._exit", "SystemExit"}
    nodes = (node for top in it.tree.body if not _is_program(top) for node in ast.walk(top))
    for node in nodes:
        if isinstance(node, ast.Call) and name_of(node.func) in forbidden:
            yield f"{it.name}:{node.lineno} calls {name_of(node.func)}"
        elif isinstance(node, ast.Raise) and name_of(node.exc) == "SystemExit":
            yield f"{it.name}:{node.lineno} raises SystemExit"


def printing(it: Module) -> Iterator[str]:
    """Every other way to the terminal than the one that makes visible what strangers wrote."""
    if it.name in (SAYS, ANSWERS_THROUGH_A_PIPE):
        return
    for edge in edges(it.tree):
        if edge.target.split(".")[0] in {"rich", "click", "getpass", "curses"} or (
            edge.target in TO_THE_TERMINAL
        ):
            yield f"{it.name}:{edge.line} imports {edge.target}"
    for node in ast.walk(it.tree):
        called = name_of(node.func) if isinstance(node, ast.Call) else ""
        if called in {"print", "input"} or called in TO_THE_TERMINAL:
            yield f"{it.name}:{node.lineno} calls {called}"
        elif isinstance(node, ast.Attribute) and name_of(node) in STREAMS:
            yield f"{it.name}:{node.lineno} uses {name_of(node)}"


STREAMS = {
    f"sys.{head}{name}{end}"
    for head, end in (("", ""), ("__", "__"))
    for name in ("stdout", "stderr")
}
TO_THE_TERMINAL = {
    *(f"typer.{name}" for name in ("echo", "secho", "prompt", "confirm", "progressbar", "launch")),
    *(f"sys.{name}" for name in ("stdout", "stderr", "displayhook", "excepthook")),
    *(f"traceback.{name}" for name in ("print_exc", "print_exception", "print_stack", "print_tb")),
    "logging.StreamHandler",
    "logging.lastResort",
    "os.write",
    "pprint.pprint",
    "warnings.showwarning",
}


def _is_program(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'"


def blanket_handlers(it: Module) -> Iterator[str]:
    """`except Exception` and wider, unless everything is let through again after tidying up."""
    for node in ast.walk(it.tree):
        if not isinstance(node, ast.ExceptHandler):
            continue
        caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        names = {name_of(kind) for kind in caught}
        last = node.body[-1]
        tidies = isinstance(last, ast.Raise) and last.exc is None
        if "Exception" in names or ({"", "BaseException"} & names and not tidies):
            yield f"{it.name}:{node.lineno} catches everything"


def foreign_code(it: Module) -> Iterator[str]:
    """Whatever could run code that came with a model or a file."""
    for edge in edges(it.tree):
        if edge.target.split(".")[0] in {"pickle", "dill", "cloudpickle", "joblib", "shelve"}:
            yield f"{it.name}:{edge.line} imports {edge.target}"
    for node in ast.walk(it.tree):
        if isinstance(node, ast.keyword) and node.arg == "trust_remote_code":
            trusted = not (isinstance(node.value, ast.Constant) and node.value.value is False)
            if trusted:
                yield f"{it.name}:{node.value.lineno} sets trust_remote_code"


def heavy_at_import(it: Module, everything: tuple[Module, ...]) -> Iterator[str]:
    """Ways from a command's module to a heavy library that are taken as soon as it is imported."""
    if layer(it.name) != "sif.cli":
        return
    trees = {other.name: other.tree for other in everything} | {it.name: it.tree}
    ways, seen = [(it.name,)], {it.name}
    while ways:
        way = ways.pop()
        for edge in edges(trees[way[-1]]):
            if edge.lazy:
                continue
            if edge.target.split(".")[0] in HEAVY:
                yield " -> ".join([*way, edge.target])
            for near in _imported(edge.target, set(trees)) - seen:
                seen.add(near)
                ways.append((*way, near))


def _imported(target: str, known: set[str]) -> set[str]:
    """The modules of ours that importing `target` runs: itself and the packages around it."""
    parts = target.split(".")
    return {".".join(parts[:length]) for length in range(1, len(parts) + 1)} & known


@pytest.mark.parametrize("name", LINKS)
def test_a_folder_at_the_top_is_linked_under_the_one_root(name: str) -> None:
    link = ROOT / "sif" / name
    assert link.is_symlink()
    assert link.readlink() == Path("..") / name
    assert (link / "__init__.py").is_file()


def test_every_layer_is_looked_at() -> None:
    assert {layer_of(it) for it in modules()} == set(ALLOWED)


@pytest.mark.parametrize(
    "rule",
    [wrong_ways, laboratory_in_the_library, talking, printing, blanket_handlers, foreign_code],
)
def test_every_module_keeps_the_rule(rule) -> None:
    assert [fault for it in modules() for fault in rule(it)] == []


def test_commands_import_heavy_libraries_only_when_they_run() -> None:
    assert [way for it in modules() for way in heavy_at_import(it, modules())] == []


BAD = {
    "a core module imports an experiment": (wrong_ways, "sif.vlm.x", "from sif.eval import study"),
    "… inside a function": (wrong_ways, "sif.vlm.x", "def f():\n    import sif.cli.main"),
    "… as a name of the root": (wrong_ways, "sif.vlm.x", "from sif import attacks"),
    "a watermark imports the core": (wrong_ways, "sif.watermark.x", "import sif.vlm.model"),
    "prompts import watermarks": (wrong_ways, "sif.prompts", "import sif.watermark.greenlist"),
    "an attack imports an experiment": (wrong_ways, "sif.attacks.x", "import sif.eval.study"),
    "an experiment imports the command line": (wrong_ways, "sif.eval.x", "import sif.cli.main"),
    "types import a part": (wrong_ways, "sif.types", "import sif.vlm.model"),
    "errors import types": (wrong_ways, "sif.errors", "from sif.types import Query"),
    "a bare root": (wrong_ways, "sif.eval.x", "from watermark.greenlist import keys"),
    "a bare root of eval": (wrong_ways, "sif.cli.x", "import eval.study"),
    "a relative import": (wrong_ways, "sif.vlm.x", "from . import folder"),
    "a command uses the laboratory": (
        laboratory_in_the_library,
        "sif.cli.verify",
        "def f():\n    from sif.eval.study import Study",
    ),
    "print": (talking, "sif.vlm.x", "def f():\n    print(1)"),
    "print by a command": (printing, "sif.cli.x", "print(1)"),
    "typer.echo": (printing, "sif.cli.x", "def f():\n    typer.echo(1)"),
    "… by its name": (printing, "sif.cli.x", "from typer import echo"),
    "click": (printing, "sif.cli.x", "import click"),
    "a console": (printing, "sif.cli.x", "def f():\n    from rich.console import Console"),
    "a standard stream": (printing, "sif.cli.x", "def f():\n    sys.stderr.write('x')"),
    "… the first one": (printing, "sif.x", "sys.__stdout__.write('x')"),
    "a handler of log records": (printing, "sif.x", "logging.StreamHandler()"),
    "a traceback": (printing, "sif.x", "traceback.print_exc()"),
    "sys.exit": (talking, "sif.eval.x", "import sys\nsys.exit(1)"),
    "raise SystemExit": (talking, "sif.attacks.x", "raise SystemExit"),
    "raise SystemExit(1)": (talking, "sif.attacks.x", "raise SystemExit(1)"),
    "except Exception": (
        blanket_handlers,
        "sif.cli.x",
        "try:\n    f()\nexcept Exception:\n    g()",
    ),
    "… raised again": (blanket_handlers, "sif.x", "try:\n    f()\nexcept Exception:\n    raise"),
    "… in company": (blanket_handlers, "sif.x", "try:\n  f()\nexcept (OSError, Exception):\n  g()"),
    "a bare except": (blanket_handlers, "sif.x", "try:\n    f()\nexcept:\n    g()"),
    "except BaseException": (
        blanket_handlers,
        "sif.x",
        "try:\n  f()\nexcept BaseException:\n  g()",
    ),
    "pickle": (foreign_code, "sif.x", "def f():\n    import pickle"),
    "trust_remote_code": (foreign_code, "sif.x", "load(x, trust_remote_code=True)"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_rule_finds_what_it_forbids(case: str) -> None:
    rule, name, source = BAD[case]
    assert len(list(rule(module(name, source)))) == 1


GOOD = {
    "errors everywhere": (wrong_ways, "sif.prompts", "from sif.errors import UsageError"),
    "types everywhere": (wrong_ways, "sif.watermark.x", "from sif.types import Query"),
    "types import errors": (wrong_ways, "sif.types", "from sif.errors import UsageError"),
    "downwards": (wrong_ways, "sif.eval.x", "from sif.attacks import images"),
    "within a layer": (wrong_ways, "sif.watermark.x", "from sif.watermark.greenlist import keys"),
    "a benchmark's command": (
        laboratory_in_the_library,
        "sif.cli.bench",
        "from sif.eval.study import Study",
    ),
    "the builtin eval": (wrong_ways, "sif.vlm.x", "model.eval()"),
    "a command prints": (talking, "sif.cli.say", "print(1)"),
    "the one way": (printing, "sif.cli.say", "print(1)"),
    "a logger": (printing, "sif.x", "logger.warning('x')"),
    "a program ends": (talking, "sif.x", "if __name__ == '__main__':\n    raise SystemExit(f())"),
    "tidying up": (blanket_handlers, "sif.x", "try:\n  f()\nexcept BaseException:\n  g()\n  raise"),
    "a narrow handler": (blanket_handlers, "sif.x", "try:\n    f()\nexcept OSError:\n    g()"),
    "trust refused": (foreign_code, "sif.x", "load(x, trust_remote_code=False)"),
}


@pytest.mark.parametrize("case", GOOD)
def test_a_rule_lets_pass_what_is_right(case: str) -> None:
    rule, name, source = GOOD[case]
    assert list(rule(module(name, source))) == []


def test_a_heavy_library_is_found_at_the_end_of_a_chain() -> None:
    command = module("sif.cli.x", "from sif.vlm.a import A")
    package = module("sif.vlm", "import sif.vlm.b")
    chain = (command, package, module("sif.vlm.a", ""), module("sif.vlm.b", "import torch.nn"))
    assert list(heavy_at_import(command, chain)) == [
        "sif.cli.x -> sif.vlm -> sif.vlm.b -> torch.nn"
    ]


def test_a_heavy_library_inside_a_function_is_not_found() -> None:
    lazy = module("sif.cli.x", "def x():\n    import torch\n")
    assert list(heavy_at_import(lazy, ())) == []


def test_annotations_are_checked_while_testing() -> None:
    with pytest.raises(BeartypeCallHintViolation):
        read_json(3)
    assert "sif.json_once" not in shaped_modules()


def test_shapes_are_checked_while_testing() -> None:
    with pytest.raises(TypeCheckError):
        rounded(torch.zeros(4), bits=4, group_size=2)
    assert "sif.wear" in shaped_modules()  # its own
    assert "sif.attacks.adaptive.detectors" in shaped_modules()
