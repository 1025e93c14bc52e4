"""YAML read strictly: typed values, and a message with file, line and the nearest name for what is wrong.

Nodes are used instead of plain data, since plain data has forgotten its line. Only scalars, lists and mappings are
understood: no tag ever builds an object.
"""

from __future__ import annotations

import difflib
import re
from pathlib import Path

import yaml

from tinyclap_edge.errors import UsageError


def compose(path: Path) -> yaml.Node | None:
    """The root node of a file; UsageError when it cannot be read or is no YAML."""
    try:
        return yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise UsageError(f"{path.name}{line}: not valid YAML ({getattr(error, 'problem', error)})") from error


class StrictReader:
    """Turns YAML nodes into records, keeping the line of each for its message."""

    def __init__(self, file: str) -> None:
        self.file = file

    def fail(self, node: yaml.Node | None, fact: str, hint: str = "") -> UsageError:
        line = f":{node.start_mark.line + 1}" if node is not None else ""
        return UsageError(f"{self.file}{line}: {fact}", hint)

    def mapping(self, node: yaml.Node | None, what: str) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        if not isinstance(node, yaml.MappingNode):
            raise self.fail(node, f"{what} must be a mapping of names to values")
        result: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise self.fail(key, f"a key of {what} is not a name")
            if key.value in result:
                raise self.fail(key, f"{what}: {key.value!r} is given twice")
            result[key.value] = (value, key)
        return result

    def fields(
        self, node: yaml.Node, what: str, names: list[str], optional: tuple[str, ...] = ()
    ) -> dict[str, yaml.Node]:
        found = self.mapping(node, what)
        known = [*names, *optional]
        for name, (_, key) in found.items():
            if name not in known:
                near = difflib.get_close_matches(name, known, 1)
                hint = f"did you mean {near[0]!r}?" if near else "known keys: " + ", ".join(known)
                raise self.fail(key, f"{what}: unknown key {name!r}", hint)
        for name in names:
            if name not in found:
                raise self.fail(node, f"{what}: the key {name!r} is missing")
        return {name: value for name, (value, _) in found.items()}

    def text(self, node: yaml.Node, what: str, choices: tuple[str, ...] | list[str] = ()) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise self.fail(node, f"{what} must be a word")
        if choices and node.value not in choices:
            near = difflib.get_close_matches(node.value, choices, 1)
            hint = f"did you mean {near[0]!r}?" if near else "one of: " + ", ".join(c or "''" for c in choices)
            raise self.fail(node, f"{what}: {node.value!r} is not known", hint)
        return str(node.value)

    def words(self, node: yaml.Node, what: str, choices: tuple[str, ...] | list[str]) -> tuple[str, ...]:
        if not isinstance(node, yaml.SequenceNode):
            raise self.fail(node, f"{what} must be a list")
        return tuple(self.text(item, what, choices) for item in node.value)

    def number(self, node: yaml.Node, what: str, low: float, high: float) -> float:
        value = yaml.SafeLoader("").construct_object(node) if isinstance(node, yaml.ScalarNode) else None
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.fail(node, f"{what} must be a number")
        if not low <= value <= high:
            raise self.fail(node, f"{what}: {value} is outside {low:g}..{high:g}")
        return value

    def integer(self, node: yaml.Node, what: str, low: int, high: int) -> int:
        value = self.number(node, what, low, high)
        if int(value) != value:
            raise self.fail(node, f"{what} must be a whole number")
        return int(value)

    def size(self, node: yaml.Node, what: str) -> int:
        match = re.fullmatch(r"(\d+)\s*(KB|MB)?", str(getattr(node, "value", "")))
        if not match:
            raise self.fail(node, f"{what} must be bytes, or a number with KB or MB", "write it like 512KB")
        value = int(match[1]) << {None: 0, "KB": 10, "MB": 20}[match[2]]
        if not 1024 <= value <= 1 << 30:
            raise self.fail(node, f"{what}: {value} bytes is outside 1 KB..1 GB")
        return value
