"""tinyclap-edge: zero-shot sound recognition on microcontrollers."""

from __future__ import annotations

__version__ = "0.1.0"
