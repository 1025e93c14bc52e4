"""Table constants by decimal arithmetic, 40 digits: libm may differ in its last bit, and these tables may not."""

from __future__ import annotations

import functools
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

DIGITS = 40
PI = Decimal("3.14159265358979323846264338327950288419716939937510582")


@functools.lru_cache(maxsize=8)
def cosines(n: int) -> tuple[Decimal, ...]:
    """cos(2 pi k / n) for k in 0..n-1."""
    with localcontext() as context:
        context.prec = DIGITS
        half = [_cosine(2 * PI * k / n) for k in range(n // 2 + 1)]
    return tuple(half + [half[n - k] for k in range(n // 2 + 1, n)])


def _cosine(angle: Decimal) -> Decimal:
    """Taylor's series; angle in 0..pi, active precision DIGITS."""
    square, term, total, step = angle * angle, Decimal(1), Decimal(1), 0
    while abs(term) > Decimal(10) ** -DIGITS:
        step += 2
        term = -term * square / (step * (step - 1))
        total += term
    return total


def fixed(value: Decimal, fraction_bits: int) -> int:
    """value * 2^fraction_bits, rounded to the nearest integer."""
    with localcontext() as context:
        context.prec = DIGITS
        return int((value * 2**fraction_bits).to_integral_value(ROUND_HALF_EVEN))


def mel_edges_hz(f_min_hz: float, f_max_hz: float, count: int, scale: str) -> list[Decimal]:
    """`count` frequencies from f_min to f_max, equally spaced on the mel scale. See reference.hz_to_mel."""
    with localcontext() as context:
        context.prec = DIGITS
        low, high = _mel(Decimal(f_min_hz), scale), _mel(Decimal(f_max_hz), scale)
        return [_hz(low + (high - low) * i / (count - 1), scale) for i in range(count)]


def _mel(hz: Decimal, scale: str) -> Decimal:
    if scale == "htk":
        return 2595 * (1 + hz / 700).log10()
    return hz * 3 / 200 if hz < 1000 else 15 + 27 * (hz / 1000).ln() / Decimal("6.4").ln()


def _hz(mel: Decimal, scale: str) -> Decimal:
    if scale == "htk":
        return 700 * (Decimal(10) ** (mel / 2595) - 1)
    return mel * 200 / 3 if mel < 15 else 1000 * Decimal("6.4") ** ((mel - 15) / 27)


def log2(value: Decimal) -> Decimal:
    """log2 of a positive number."""
    with localcontext() as context:
        context.prec = DIGITS
        return value.ln() / Decimal(2).ln()


def decibels(ratio: Decimal) -> Decimal:
    """10 log10 of a positive power ratio."""
    with localcontext() as context:
        context.prec = DIGITS
        return 10 * ratio.log10()
