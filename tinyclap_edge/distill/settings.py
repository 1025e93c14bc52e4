"""`--set key=value`: text to a field of a recipe, by the type the field has."""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal, get_args, get_origin, get_type_hints

from tinyclap_edge.distill.recipes import Recipe
from tinyclap_edge.errors import UsageError

_YES, _NO = ("yes", "true", "on", "1"), ("no", "false", "off", "0")


def with_settings(recipe: Recipe, settings: Sequence[str]) -> Recipe:
    """The recipe with each 'key=value' applied. UsageError names an unknown key's neighbour, or the wanted type."""
    hints = {n: t for n, t in get_type_hints(type(recipe)).items() if n in recipe.__dataclass_fields__}
    found: dict[str, Any] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        key = key.strip().replace("-", "_")
        if not equals:
            raise UsageError(f"--set {setting!r} has no value", "write it as key=value")
        if key not in hints:
            near = difflib.get_close_matches(key, hints, 1)
            raise UsageError(
                f"recipe {recipe.name!r} has no setting {key!r}",
                f"did you mean {near[0]!r}?" if near else f"`distill --show {recipe.name}` prints them",
            )
        if key in found:
            raise UsageError(f"{key!r} is set twice", "once is enough")
        found[key] = parse(key, text.strip(), hints[key])
    return replace(recipe, **found)


def parse(key: str, text: str, kind: Any) -> Any:
    """`text` as a value of `kind`: bool, int, float, or one of a Literal's."""
    if get_origin(kind) is Literal:
        choices = get_args(kind)
        if text in choices:
            return text
        near = difflib.get_close_matches(text, choices, 1)
        raise UsageError(
            f"{key}={text!r} is not a choice",
            f"did you mean {near[0]!r}?" if near else "choose of " + ", ".join(choices),
        )
    if kind is bool:
        if text.lower() in (*_YES, *_NO):
            return text.lower() in _YES
        raise UsageError(f"{key}={text!r} is neither yes nor no", f"--set {key}=yes")
    try:
        value = kind(text)
    except ValueError:
        value = math.nan
    if value != value or value in (math.inf, -math.inf):
        wanted = {int: "a whole number", float: "a number"}[kind]
        raise UsageError(f"{key}={text!r} is not {wanted}", f"`--set {key}=...` takes {wanted}")
    return value
