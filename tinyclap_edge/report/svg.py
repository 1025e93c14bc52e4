"""Inline SVG, written by hand so that the same figures give the same bytes and the page's style sheet colours them.

Colours are CSS classes (report.html.j2), never values: one drawing serves a light and a dark page.
"""

from __future__ import annotations

import base64
import html
import struct
import zlib
from dataclasses import dataclass, field

import numpy as np

# Corners of matplotlib's "magma" (CC0): perceptually even, readable in grey and by the colour-blind.
_MAGMA = (
    (0, 0, 4),
    (28, 16, 68),
    (79, 18, 123),
    (129, 37, 129),
    (181, 54, 122),
    (229, 80, 100),
    (251, 135, 97),
    (254, 194, 135),
    (252, 253, 191),
)
CHARACTER = 6.4  # mean width of a character at 12 px in a system font


def fmt(value: float) -> str:
    """A coordinate with at most two decimals and no trailing zeros."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def escape(text: str) -> str:
    """For text nodes and attributes; control characters, which XML forbids, become a replacement sign."""
    return html.escape("".join(c if c >= " " and c != "\x7f" else "\ufffd" for c in text), quote=True)


def shorten(text: str, width: float) -> str:
    """Cut to fit `width` pixels at 12 px, with an ellipsis."""
    count = max(1, int(width / CHARACTER))
    return text if len(text) <= count else text[: max(1, count - 1)] + "…"


@dataclass
class Drawing:
    """A drawing of width x height user units; `title` is what a screen reader says."""

    width: float
    height: float
    title: str
    parts: list[str] = field(default_factory=list)

    def text(self, x: float, y: float, text: str, css: str = "", anchor: str = "start", tip: str = "") -> None:
        """Baseline at y. anchor: start, middle or end."""
        place = "" if anchor == "start" else f' text-anchor="{anchor}"'
        hover = f"<title>{escape(tip)}</title>" if tip else ""
        self.parts.append(f'<text x="{fmt(x)}" y="{fmt(y)}"{_css(css)}{place}>{hover}{escape(text)}</text>')

    def rect(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        css: str,
        tip: str = "",
        alpha: float = 1,
        radius: float = 0,
    ) -> None:
        """A filled rectangle; `tip` shows when the pointer rests on it."""
        extra = f' fill-opacity="{fmt(alpha)}"' if alpha != 1 else ""
        extra += f' rx="{fmt(radius)}"' if radius else ""
        box = f'x="{fmt(x)}" y="{fmt(y)}" width="{fmt(max(width, 0))}" height="{fmt(max(height, 0))}"'
        tail = f"><title>{escape(tip)}</title></rect>" if tip else "/>"
        self.parts.append(f"<rect {box}{_css(css)}{extra}{tail}")

    def line(self, x1: float, y1: float, x2: float, y2: float, css: str) -> None:
        self.parts.append(f'<line x1="{fmt(x1)}" y1="{fmt(y1)}" x2="{fmt(x2)}" y2="{fmt(y2)}"{_css(css)}/>')

    def polyline(self, points: list[tuple[float, float]], css: str) -> None:
        path = " ".join(f"{fmt(x)},{fmt(y)}" for x, y in points)
        self.parts.append(f'<polyline points="{path}"{_css(css)}/>')

    def polygon(self, points: list[tuple[float, float]], css: str) -> None:
        path = " ".join(f"{fmt(x)},{fmt(y)}" for x, y in points)
        self.parts.append(f'<polygon points="{path}"{_css(css)}/>')

    def dot(self, x: float, y: float, radius: float, css: str, tip: str = "") -> None:
        tail = f"><title>{escape(tip)}</title></circle>" if tip else "/>"
        self.parts.append(f'<circle cx="{fmt(x)}" cy="{fmt(y)}" r="{fmt(radius)}"{_css(css)}{tail}')

    def image(self, x: float, y: float, width: float, height: float, uri: str) -> None:
        box = f'x="{fmt(x)}" y="{fmt(y)}" width="{fmt(width)}" height="{fmt(height)}"'
        self.parts.append(f'<image {box} preserveAspectRatio="none" href="{uri}"/>')

    def swatches(self, x: float, y: float, items: list[tuple[str, str]]) -> None:
        """A legend on one line: (css class, text)."""
        for css, text in items:
            self.rect(x, y - 9, 10, 10, css, radius=2)
            self.text(x + 15, y, text, "small")
            x += 15 + CHARACTER * len(text) + 16

    def render(self) -> str:
        """The <svg> element."""
        size = f'viewBox="0 0 {fmt(self.width)} {fmt(self.height)}"'
        label = escape(self.title)
        return f'<svg {size} role="img" aria-label="{label}">\n' + "\n".join(self.parts) + "\n</svg>"


def _css(css: str) -> str:
    return f' class="{css}"' if css else ""


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """About `count` round values within [low, high]."""
    if high <= low:
        return [low]
    raw = (high - low) / count
    power = 10.0 ** np.floor(np.log10(raw))
    step = next(float(s * power) for s in (1, 2, 2.5, 5, 10) if s * power >= raw * 0.999)
    first = int(np.ceil(low / step - 1e-9))
    return [round(i * step, 10) for i in range(first, int(np.floor(high / step + 1e-9)) + 1)]


def heat_image(levels: np.ndarray) -> str:
    """levels: (height, width) uint8, first row on top -> a PNG with a magma palette, as a data URI."""
    stops = np.linspace(0, 255, len(_MAGMA))
    palette = np.stack([np.interp(np.arange(256), stops, channel) for channel in np.array(_MAGMA).T], axis=1)
    height, width = levels.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8), levels.astype(np.uint8)], axis=1)  # filter byte 0 a row
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        (b"PLTE", np.rint(palette).astype(np.uint8).tobytes()),
        (b"IDAT", zlib.compress(rows.tobytes(), 9)),
        (b"IEND", b""),
    )
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
    return "data:image/png;base64," + base64.b64encode(data).decode("ascii")
