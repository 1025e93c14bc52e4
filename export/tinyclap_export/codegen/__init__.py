"""From an int8 graph to readable C: static memory plan, one function a layer, constants in flash, no heap."""

from __future__ import annotations

from tinyclap_export.codegen.library import CLibrary, Layer, engine_directory, generate
from tinyclap_export.codegen.memory import MemoryPlan, PlannedTensor

__all__ = ["CLibrary", "Layer", "MemoryPlan", "PlannedTensor", "engine_directory", "generate"]
