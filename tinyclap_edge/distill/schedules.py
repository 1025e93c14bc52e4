"""Learning rates by step, each a function of (step, steps, peak, warmup) that knows nothing of what was done before."""

from __future__ import annotations

import math
from collections.abc import Callable

Schedule = Callable[[int, int, float, float], float]
_FLOOR = 0.01  # of the peak, at the end


def cosine(step: int, steps: int, peak: float, warmup: float) -> float:
    """Linear warm-up over the share `warmup` of the steps, then half a cosine down to 1 % of the peak."""
    warm = max(1, int(warmup * steps))
    if step < warm:
        return peak * (step + 1) / warm
    at = (step - warm) / max(1, steps - warm)
    return peak * (_FLOOR + (1 - _FLOOR) * 0.5 * (1 + math.cos(math.pi * at)))


def constant(step: int, steps: int, peak: float, warmup: float) -> float:
    """The same rate at every step, as the released tinyCLAP recipe really runs."""
    return peak


def one_cycle(step: int, steps: int, peak: float, warmup: float) -> float:
    """Half a cosine from a 25th of the peak up over 30 % of the steps, another down to a ten-thousandth of that start.

    The one-cycle policy (arXiv 1708.07120) with its usual proportions; `warmup` is not consulted.
    """
    low, end, rise = peak / 25, peak / 250_000, max(1, int(0.3 * steps))
    if step < rise:
        return low + (peak - low) * 0.5 * (1 - math.cos(math.pi * step / rise))
    at = (step - rise) / max(1, steps - rise)
    return end + (peak - end) * 0.5 * (1 + math.cos(math.pi * min(at, 1.0)))


def ramp(step: int, steps: int, peak: float, warmup: float) -> float:
    """S-SONDO's: exponential warm-up over the share `warmup`, flat to 80 % of the steps, then a line down to 1 %.

    The warm-up is exp(-5 (1 - t)^2); the published line would take 95 epochs of 100 and is cut off by the end of
    training, here it arrives.
    """
    warm = max(1, int(warmup * steps))
    if step < warm:
        return peak * math.exp(-5.0 * (1 - (step + 1) / warm) ** 2)
    fall = int(0.8 * steps)
    if step < fall:
        return peak
    at = (step - fall) / max(1, steps - fall)
    return peak * (1 - (1 - _FLOOR) * at)


def exponential(step: int, steps: int, peak: float, warmup: float) -> float:
    """Linear warm-up, then a constant factor a step down to a thousandth (efficient captioning: 5e-4 to 5e-7)."""
    warm = int(warmup * steps)
    if step < warm:
        return peak * (step + 1) / warm
    return peak * 1e-3 ** ((step - warm) / max(1, steps - warm))


SCHEDULES: dict[str, Schedule] = {
    "cosine": cosine,
    "constant": constant,
    "one-cycle": one_cycle,
    "ramp": ramp,
    "exponential": exponential,
}
