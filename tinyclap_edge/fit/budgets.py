"""What a person allows `fit`: RAM, flash, time, window, hop; checked once, against each other and against the board."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

from tinyclap_edge.boards import Board
from tinyclap_edge.errors import DoesNotFit, UsageError
from tinyclap_edge.fit.accuracy_curve import AccuracyCurve
from tinyclap_edge.fit.configuration import least_rows
from tinyclap_edge.fit.cost import Cost, Use
from tinyclap_edge.fit.space import DEPTHS, Axes
from tinyclap_edge.students.phinet_config import PhiNetConfig

MOST_WINDOW_S, MOST_LATENCY_S = 60.0, 3600.0


@dataclass(frozen=True)
class Budgets:
    """Limits; None where the board's own is the only one. windows_s: those to choose from, empty for the usual ones."""

    ram_bytes: int | None = None
    flash_bytes: int | None = None
    latency_s: float | None = None
    windows_s: tuple[float, ...] = ()
    use: Use = field(default_factory=Use)

    def checked(self, board: Board) -> Budgets:
        """The same; UsageError (2) for limits that are no lengths, exceed the board, or contradict each other."""
        ram = sum(r.size_bytes for r in board.regions if r.kind == "ram" and set(r.use) & {"arena", "data"})
        for name, value, most, unit in (
            ("--ram", self.ram_bytes, ram, "bytes of usable RAM"),
            ("--flash", self.flash_bytes, board.flash.size_bytes, "bytes of flash for code"),
        ):
            if value is not None and value <= 0:
                raise UsageError(f"{name}: a budget of {value:,} bytes holds nothing", "give a positive number of KB")
            if value is not None and value > most:
                raise UsageError(
                    f"{name}: {value:,} bytes, but {board.name} has {most:,} {unit}", "leave the option away"
                )
        latency_ms = None if self.latency_s is None else self.latency_s * 1e3
        for name, time, limit, unit in (
            ("--latency-ms", latency_ms, MOST_LATENCY_S * 1e3, "ms"), ("--hop", self.use.hop_s, MOST_WINDOW_S, "s"),
            *(("--window", w, MOST_WINDOW_S, "s") for w in self.windows_s),
        ):  # fmt: skip
            if time is not None and not (math.isfinite(time) and 0 < time <= limit):
                raise UsageError(
                    f"{name}: {time:g} {unit} is no time that fit knows",
                    f"more than 0 and at most {limit:,.0f} {unit}",
                )
        if self.windows_s and self.use.hop_s is not None and self.use.hop_s > max(self.windows_s) + 1e-9:
            raise UsageError(
                f"a hop of {self.use.hop_s:g} s leaves out sound between windows of {max(self.windows_s):g} s",
                "a hop is at most one window",
            )
        if not 1 <= self.use.labels <= 256:
            raise UsageError(f"--labels {self.use.labels} is outside 1..256", "a label pack holds as many rows")
        for use in ("arena", "data", "code"):
            if not any(use in r.use for r in board.regions):
                raise DoesNotFit(
                    f"{board.name} has no region that may hold {use!r}", "its entry in boards.yaml says so"
                )
        return self

    def axes(self, curve: AccuracyCurve | None, within: Axes | None = None) -> Axes:
        """The space to search. A curve brings its windows, unless some were asked for."""
        windows = self.windows_s or (tuple(sorted(curve.points)) if curve else ())
        axes = within or Axes()
        axes = replace(axes, windows_s=windows) if windows else axes
        streams = tuple(kind for kind in axes.kinds if not kind[0])  # squeeze-and-excite needs whole maps
        return replace(axes, kinds=streams) if self.use.continuous else axes

    def without_limits(self) -> Budgets:
        """Only what the board itself allows."""
        return replace(self, ram_bytes=None, flash_bytes=None, latency_s=None)

    def broken(self, cost: Cost) -> str:
        """The first limit that an exact cost breaks, in words with its bytes; empty where it keeps all."""
        over = cost.over
        if over is not None:
            return f"region {over.name} ({', '.join(over.holds)}) would need {over.used:,} of {over.size:,} bytes: {over.over:,} too many"
        for name, used, limit in (
            ("RAM", cost.ram_bytes, self.ram_bytes), ("flash", cost.flash_bytes, self.flash_bytes),
        ):  # fmt: skip
            if limit is not None and used > limit:
                return f"it takes {used:,} bytes of {name}, the budget is {limit:,}: {used - limit:,} too many"
        if self.latency_s is not None and cost.latency.typical_s > self.latency_s:
            return f"it takes {cost.latency.typical_s * 1e3:.1f} ms ({cost.latency.kind}), the limit is {self.latency_s * 1e3:g} ms"
        if too_long := cost.ring.too_long(cost.board):
            return too_long
        if cost.load > 1:
            return f"one hop takes {cost.hop.typical_s:.2f} s ({cost.hop.kind}), but comes every {cost.hop_s:.2f} s"
        return ""

    def shares(self, cost: Cost, board: Board) -> dict[str, float]:
        """What a configuration uses of each budget, by region."""
        shares = {region.name: region.share for region in cost.regions}
        if self.ram_bytes:
            shares["RAM budget"] = cost.ram_bytes / self.ram_bytes
        if self.flash_bytes:
            shares["flash budget"] = cost.flash_bytes / self.flash_bytes
        if self.latency_s:
            shares["latency"] = cost.latency.typical_s / self.latency_s
        return {**shares, "time of a hop": cost.load}

    def window_too_short(self, board: Board) -> UsageError:
        """No network of the space can work on the windows that were asked for."""
        asked = ", ".join(f"{w:g}" for w in self.windows_s) or "the given"
        least = least_rows(PhiNetConfig(N=min(DEPTHS), padding="same")) * min(Axes().hops_ms) / 1e3
        return UsageError(
            f"a window of {asked} s is shorter than half the receptive field of every network that fit knows, or than the hop",
            f"take a window of {least:g} s or more, and a hop no longer than it",
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data for --json."""
        return {
            "ram_bytes": self.ram_bytes, "flash_bytes": self.flash_bytes, "latency_s": self.latency_s,
            "windows_s": list(self.windows_s), "hop_s": self.use.hop_s, "labels": self.use.labels,
            "continuous": self.use.continuous,
        }  # fmt: skip
