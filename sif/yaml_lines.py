"""Where in a YAML text a value stands, and what is said twice in it. Knows nothing of what is read.

For texts that `sif.yaml_once` has read, which bounds what is composed here.
"""

from collections.abc import Sequence

import yaml

from sif.visible import quoted
from sif.yaml_once import NoYamlError


class Lines:
    """The lines of a YAML text.

    Args:
        text: that `read_yaml` has taken.

    Raises:
        NoYamlError: one mapping has a name twice, of which a reader would silently take the last.
    """

    def __init__(self, text: str) -> None:
        try:
            self._root = yaml.compose(text, Loader=yaml.SafeLoader)
        except (yaml.YAMLError, RecursionError, ValueError) as error:
            raise NoYamlError(" ".join(str(error).split())) from error
        _refuse_twice(self._root, set())

    def of(self, way: Sequence[str | int]) -> int:
        """The line, from 1, of the value at the end of a way, or of the last place known on it.

        Args:
            way: names and places from the root on; one that is not there is passed over.
        """
        node, line = self._root, 1 if self._root is None else _line(self._root)
        for step in way:
            found = _step(node, step)
            if found is None:
                break
            line, node = found
        return line


def _step(node: yaml.Node | None, step: str | int) -> tuple[int, yaml.Node] | None:
    """The line of a name or place, and what stands there."""
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if isinstance(name, yaml.ScalarNode) and name.value == str(step):
                return _line(name), value
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return _line(node.value[step]), node.value[step]
    return None


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _refuse_twice(node: yaml.Node | None, seen: set[int]) -> None:
    if node is None or id(node) in seen or not isinstance(node, yaml.CollectionNode):
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _refuse_twice(value, seen)
        return
    names: dict[str, int] = {}
    for name, value in node.value:
        if isinstance(name, yaml.ScalarNode):
            if name.value in names:
                raise NoYamlError(
                    f"line {_line(name)}: {quoted(name.value)} is said twice, first in line "
                    f"{names[name.value]}; leave one out"
                )
            names[name.value] = _line(name)
        _refuse_twice(value, seen)
