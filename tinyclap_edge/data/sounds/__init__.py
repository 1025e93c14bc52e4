"""A procedural sound library: named families, a thousand unnamed kinds, scenes, captions and frozen folds.

It exists so that everything can be tried and tested without a download; real use wants real audio. Every module named
families_*.py or second_*.py in this package registers its generators when the package is imported.
"""

from __future__ import annotations

import importlib
import pkgutil

from .registry import FAMILIES, PATTERNS, SECOND, TEXTURES, Family, Sound, Traits

for _module in sorted(m.name for m in pkgutil.iter_modules(__path__)):
    if _module.startswith(("families_", "second_")):
        importlib.import_module(f"{__name__}.{_module}")

__all__ = ["FAMILIES", "PATTERNS", "SECOND", "TEXTURES", "Family", "Sound", "Traits"]
