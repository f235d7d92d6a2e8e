"""Annotations are checked while testing: shapes where there are any, plain types everywhere.

jaxtyping binds the arguments of every call, which doubles the time of code that is all small
calls, so it watches the modules that speak of shapes alone; beartype watches the rest. Functions
made inside functions are let be: they would be compiled anew each time, and kept. Knows modules by
their text.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jaxtyping
from beartype import BeartypeConf
from beartype.claw import beartype_package

ACTORS = "sif.scale.hand"
"""Ray looks at every method of a class, and cannot take what beartype adds to one."""
PACKAGE = Path(__file__).parents[1] / "sif"
SHAPES = re.compile(r"^from jaxtyping import", re.M)
ALIAS = re.compile(r"^(\w+)(?:: TypeAlias)? = (?:Float|Int|Integer|Bool|Num|Shaped|UInt8)\[", re.M)


def check_types() -> None:
    """Has every module of the package checked from its import on."""
    watch = jaxtyping.jaxtyped

    def watched(*, typechecker: Any) -> Callable[[Any], Any]:
        around = watch(typechecker=typechecker)
        return lambda made: made if "<locals>" in made.__qualname__ else around(made)

    jaxtyping.jaxtyped = watched  # what the hook puts around everything
    jaxtyping.install_import_hook(shaped_modules(), "beartype.beartype")
    conf = BeartypeConf(
        claw_is_pep526=False, is_pep484_tower=True, claw_skip_package_names=(ACTORS,)
    )
    beartype_package("sif", conf=conf)


def shaped_modules() -> list[str]:
    """The modules with shapes in their signatures, their own or by a name from another module.

    Those that import names for type checkers alone are with them: beartype misses the names.
    """
    texts = dict(_modules())
    names = {name for text in texts.values() for name in ALIAS.findall(text)}
    borrowed = re.compile(rf"^from sif\.\S+ import [^#]*?\b(?:{'|'.join(names)})\b", re.M)
    return sorted(
        name
        for name, text in texts.items()
        if SHAPES.search(text) or borrowed.search(text) or "TYPE_CHECKING" in text
    )


def _modules() -> Iterator[tuple[str, str]]:
    for folder in (PACKAGE, *(path for path in PACKAGE.iterdir() if path.is_dir())):
        for path in folder.glob("*.py") if folder == PACKAGE else folder.rglob("*.py"):
            if path.stem != "__init__":  # its name would stand for all modules of the package
                parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
                yield ".".join(parts), path.read_text()
