"""PhiNet on paper: its options, its blocks, and what they cost. No torch here.

The blocks follow the published implementation (micromind's PhiNet), so that its checkpoints fit and its parameter,
MAC and memory figures are met exactly. `padding="same"` replaces its paddings by TensorFlow's SAME rule, which every
exporter and the row-streaming engine handle without a separate pad; students for boards use it.
"""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass, fields

from tinyclap_edge.errors import UsageError

STEM_WIDTH, NARROW_WIDTH, WIDE_WIDTH = 48, 24, 48  # multiplied by alpha
SE_REDUCTION = 6


@dataclass(frozen=True)
class PhiNetConfig:
    """Options of one PhiNet; the defaults are those of the published implementation."""

    alpha: float = 0.2  # width of every layer
    beta: float = 1.0  # how much the expansion falls (<1) or grows towards the last block
    t0: float = 6.0  # expansion of the first blocks
    N: int = 7  # number of expanding blocks
    se: bool = True  # squeeze-excite in every expanding block
    hswish: bool = True  # hard-swish, else ReLU6
    pool: bool = False  # 2x2 max-pool instead of stride 2
    conv2d_input: bool = False  # a plain 3x3 convolution instead of the separable stem and block 1
    divisor: int = 1  # widths are rounded to multiples of it
    conv5: float = 0.0  # share of the last blocks whose depthwise kernel is 5x5
    stem_stride: int = 2
    downsampling: tuple[int, ...] = (5, 7)  # blocks that halve the map and double the width
    residuals: bool = True
    dropout: float = 0.05
    padding: str = "peer"  # "peer": as published; "same": TensorFlow's SAME

    def __post_init__(self) -> None:
        for name, low, high in (("alpha", 0.01, 20), ("beta", 0.01, 4), ("t0", 0.1, 20)):
            value = getattr(self, name)
            if not (math.isfinite(value) and low <= value <= high):
                raise UsageError(f"phinet: {name}={value} is outside {low}..{high}")
        if not 1 <= self.N <= 40:
            raise UsageError(f"phinet: N={self.N} is outside 1..40")
        if not 1 <= self.divisor <= 64:
            raise UsageError(f"phinet: divisor={self.divisor} is outside 1..64")
        if self.stem_stride not in (1, 2):
            raise UsageError(f"phinet: stem_stride={self.stem_stride} is neither 1 nor 2")
        if not (0 <= self.conv5 <= 1 and 0 <= self.dropout < 1):
            raise UsageError("phinet: conv5 and dropout are shares between 0 and 1")
        if self.padding not in ("peer", "same"):
            raise UsageError(f"phinet: padding={self.padding!r} is neither 'peer' nor 'same'")
        if min(self.width(STEM_WIDTH), self.width(NARROW_WIDTH)) < 1:
            raise UsageError(f"phinet: alpha={self.alpha} leaves a layer without channels")

    def width(self, base: int) -> int:
        """Channels of a layer of `base` channels at alpha 1."""
        return rounded(int(base * self.alpha), self.divisor)

    def expansion(self, block: int) -> float:
        """t of block `block` (1-based): t0 * (1 + (beta - 1) * block / N), in the published order of operations.

        The order matters: widths are floored, and 248 becomes 247 by the last bit of a float.
        """
        return (self.t0 * self.beta) * block / self.N + self.t0 * (self.N - block) / self.N

    def arch(self) -> str:
        """The canonical architecture string; `parse_arch` reads it back."""
        default = PhiNetConfig()
        parts = [f"{k}={_text(getattr(self, k))}" for k in ("alpha", "beta", "t0", "N")]
        for f in fields(self):
            value = getattr(self, f.name)
            if f.name not in ("alpha", "beta", "t0", "N") and value != getattr(default, f.name):
                parts.append(f"{f.name}={_text(value)}")
        return "phinet:" + ",".join(parts)


@dataclass(frozen=True)
class Block:
    """One inverted-residual block; block 0 is the unexpanded one after the stem."""

    index: int
    c_in: int
    expanded: int
    c_out: int
    kernel: int
    stride: int
    se_width: int  # 0: no squeeze-excite
    skip: bool
    pool_before: bool = False
    pool_after: bool = False


def rounded(width: int, divisor: int) -> int:
    """`width` to a multiple of `divisor`, half up, never losing more than a tenth."""
    if divisor == 1:
        return width
    near = max(divisor, (width + divisor // 2) // divisor * divisor)
    return near + divisor if near < 0.9 * width else near


def blocks(config: PhiNetConfig) -> list[Block]:
    """Every block in order (with conv2d_input there is no block 0)."""
    result: list[Block] = []
    narrow, wide = NARROW_WIDTH, WIDE_WIDTH
    channels = config.width(narrow)
    if not config.conv2d_input:
        stem = config.width(STEM_WIDTH)
        result.append(Block(0, stem, stem, channels, 3, 1, 0, False))
    base = wide
    for i in range(1, max(config.N, 3) + 1):
        down = i in (1, 3) or (i > 3 and i in config.downsampling)
        if i > 3 and i in config.downsampling:
            base *= 2
        c_out = config.width(narrow if i < 3 else base)
        expanded = rounded(int(config.expansion(i) * channels), config.divisor)
        if expanded < 1:
            raise UsageError(f"phinet: block {i} has no channels", "raise t0, beta or alpha")
        stride = 2 if down and not config.pool else 1
        result.append(
            Block(
                index=i,
                c_in=channels,
                expanded=expanded,
                c_out=c_out,
                kernel=5 if i > 3 and i / config.N > 1 - config.conv5 else 3,
                stride=stride,
                se_width=max(1, expanded // SE_REDUCTION) if config.se else 0,
                skip=config.residuals and stride == 1 and channels == c_out,
                pool_before=config.pool and down and i > 3,
                pool_after=config.pool and down and i <= 3,
            )
        )
        channels = c_out
    return result


_ALIASES = {
    "t_zero": "t0",
    "num_layers": "N",
    "squeeze_excite": "se",
    "h_swish": "hswish",
    "conv5_percent": "conv5",
    "first_conv_stride": "stem_stride",
    "downsampling_layers": "downsampling",
}


def parse_arch(text: str) -> PhiNetConfig:
    """Read 'phinet:alpha=1.5,beta=0.75,t0=6,N=7,compat=1'. Names of the published implementation are understood too."""
    family, _, options = text.partition(":")
    if family != "phinet":
        raise UsageError(f"unknown architecture {family!r}", "the students built in are 'phinet:...'")
    known = {f.name: f for f in fields(PhiNetConfig)}
    values: dict[str, object] = {}
    compat = False
    for part in filter(None, options.split(",")):
        key, eq, raw = part.partition("=")
        key = _ALIASES.get(key.strip(), key.strip())
        if not eq:
            raise UsageError(f"phinet: {part!r} is not key=value", "write it like alpha=0.5")
        if key in ("compat", "compatibility"):
            compat = _bool(key, raw)
        elif key not in known:
            near = difflib.get_close_matches(key, [*known, *_ALIASES, "compat"], 1)
            raise UsageError(
                f"phinet: unknown option {key!r}",
                f"did you mean {near[0]!r}?" if near else "options: " + ", ".join(known),
            )
        elif key in values:
            raise UsageError(f"phinet: {key!r} is given twice")
        else:
            values[key] = _value(key, raw.strip(), getattr(PhiNetConfig, key))
    if compat:  # the published flag: ReLU6, no squeeze-excite, no 5x5 kernels
        values.update(se=False, hswish=False, conv5=0.0)
    return PhiNetConfig(**values)  # type: ignore[arg-type]


def _value(key: str, raw: str, default: object) -> object:
    try:
        if isinstance(default, bool):
            return _bool(key, raw)
        if isinstance(default, int):
            return int(raw)
        if isinstance(default, float):
            return float(raw)
        if isinstance(default, tuple):
            return tuple(int(v) for v in raw.replace("+", " ").split())
    except ValueError:
        raise UsageError(f"phinet: {key}={raw!r} is not a number") from None
    return raw


def _bool(key: str, raw: str) -> bool:
    low = raw.strip().lower()
    if low in ("1", "true", "yes", "on"):
        return True
    if low in ("0", "false", "no", "off"):
        return False
    raise UsageError(f"phinet: {key}={raw!r} is neither 0 nor 1")


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, tuple):
        return "+".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
