"""The published tinyCLAP student on paper: bn0, PhiNet, strided 1x1 convolution, mean, projection. No torch here.

Its name carries the configuration: phinet_alpha_1.50_beta_0.75_t0_6_N_7. Ours is
`tinyclap:alpha=1.5,beta=0.75,t0=6,N=7,head=HEAD`, where HEAD says what was done to the head (docs/students.md):
published, folded (exact), pruned or rotated (reduced to the student's dim).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields

import numpy as np

from tinyclap_edge.errors import UsageError
from tinyclap_edge.students.layout import tensor_shapes
from tinyclap_edge.students.phinet_config import PhiNetConfig, blocks
from tinyclap_edge.students.phinet_cost import Cost, Shape, phinet_cost

HEADS = ("published", "folded", "pruned", "rotated")
MELS = 64
PUBLISHED_NAME = re.compile(r"phinet_alpha_([0-9.]+)_beta_([0-9.]+)_t0_([0-9.]+)_N_(\d+)")


@dataclass(frozen=True)
class TinyclapConfig:
    """alpha, beta, t0 and N as in PhiNet; `wide` channels of the strided convolution, `inner` of the projection."""

    alpha: float = 1.5
    beta: float = 0.75
    t0: float = 6.0
    N: int = 7
    head: str = "published"
    wide: int = 2048
    inner: int = 1024

    def __post_init__(self) -> None:
        if self.head not in HEADS:
            raise UsageError(f"tinyclap: head={self.head!r} is unknown", "one of " + ", ".join(HEADS))
        for name in ("wide", "inner"):
            if not 1 <= getattr(self, name) <= 8192:
                raise UsageError(f"tinyclap: {name}={getattr(self, name)} is outside 1..8192")
        blocks(self.body)  # raises for what PhiNet refuses

    @property
    def body(self) -> PhiNetConfig:
        """The backbone: ReLU6, no squeeze-excite, published padding."""
        return PhiNetConfig(self.alpha, self.beta, self.t0, self.N, se=False, hswish=False)

    @property
    def channels(self) -> int:
        """Of the backbone's last map."""
        return blocks(self.body)[-1].c_out

    def arch(self) -> str:
        """The canonical string."""
        default, parts = TinyclapConfig(), []
        for f in fields(self):
            value = getattr(self, f.name)
            if f.name in ("alpha", "beta", "t0", "N") or value != getattr(default, f.name):
                parts.append(f"{f.name}={value:g}" if isinstance(value, float) else f"{f.name}={value}")
        return "tinyclap:" + ",".join(parts)


def parse_tinyclap(text: str) -> TinyclapConfig:
    """Read 'tinyclap', 'tinyclap:alpha=1.5,...' or a published name."""
    if found := PUBLISHED_NAME.fullmatch(text):
        alpha, beta, t0, n = found.groups()
        try:
            return TinyclapConfig(float(alpha), float(beta), float(t0), int(n))
        except ValueError:
            raise UsageError(
                f"{text} does not name a configuration", "like phinet_alpha_1.50_beta_0.75_t0_6_N_7"
            ) from None
    family, _, options = text.partition(":")
    if family != "tinyclap":
        raise UsageError(f"{text!r} is not a tinyCLAP student", "write it like tinyclap:alpha=1.5,beta=0.75,t0=6,N=7")
    known = {f.name: type(getattr(TinyclapConfig(), f.name)) for f in fields(TinyclapConfig)}
    values = {}
    for part in filter(None, options.split(",")):
        key, _, raw = part.partition("=")
        if key not in known or key in values:
            raise UsageError(f"tinyclap: option {part!r} is unknown or given twice", "options: " + ", ".join(known))
        try:
            values[key] = known[key](raw)
        except ValueError:
            raise UsageError(f"tinyclap: {key}={raw!r} is not a number") from None
    return TinyclapConfig(**values)


def tinyclap_shapes(config: TinyclapConfig, dim: int) -> dict[str, tuple[int, ...]]:
    """Every tensor of a student file with its shape. dim is `inner` for a whole head, r for a reduced one."""
    c, d = config.channels, config.inner
    whole = config.head in ("published", "folded")
    if dim > d or (whole and dim != d):
        raise UsageError(f"a {config.head} head of {d} entries cannot give {dim}", "reduce it: `students import --r`")
    shapes: dict[str, tuple[int, ...]] = {
        f"norm.{n}": (MELS,) for n in ("weight", "bias", "running_mean", "running_var")
    }
    shapes |= {k: v for k, v in tensor_shapes(config.body, 1).items() if not k.startswith("head.")}
    if config.head == "published":
        shapes |= {"head.pn_block.weight": (config.wide, c, 1, 1), "head.pn_block.bias": (config.wide,)}
        shapes |= {"head.linear1.weight": (d, config.wide)}
    else:
        shapes |= {"head.linear1.weight": (d, c), "head.linear1.bias": (d,)}
    shapes["head.linear2.weight"] = (dim, d)
    if whole:
        return shapes | {"head.layer_norm.weight": (d,), "head.layer_norm.bias": (d,)}
    direct = dim if config.head == "pruned" else min(dim, c)  # entries that the residual reaches without a matrix
    return shapes | {"head.gain": (direct,), "head.bias": (dim,)}


def tinyclap_cost(config: TinyclapConfig, input_shape: Shape, dim: int | None = None) -> Cost:
    """Cost on (1, frames, 64): parameters as torch counts them, bn0 included; MACs without normalisations."""
    dim = config.inner if dim is None or config.head in ("published", "folded") else dim
    if input_shape[0] != 1 or input_shape[2] != MELS:
        raise UsageError(f"tinyCLAP students take 1 x frames x {MELS}, not {'x'.join(map(str, input_shape))}")
    body = phinet_cost(config.body, input_shape, every_other=config.head != "published")
    shapes = tinyclap_shapes(config, dim)
    params = body.params + 2 * MELS + sum(int(np.prod(s)) for k, s in shapes.items() if k.startswith("head."))
    macs = sum(int(np.prod(shapes[f"head.{k}.weight"])) for k in ("linear1", "linear2"))
    if config.head == "published":
        _, height, width = body.output_shape
        macs += config.channels * config.wide * -(-height // 2) * -(-width // 2)
    return Cost(params, body.macs + macs, body.peak_elements, (dim,))


def infer_config(widths: dict[str, tuple[int, ...]], name: str = "") -> TinyclapConfig:
    """The configuration whose backbone has these tensor shapes; widths: shapes of `body.*` tensors by name.

    `name` (a published one) is believed. Tensors may be missing, which is for the caller to say. Different options may floor to the same widths: the roundest
    are taken, and the network is the same. UsageError where none fits.
    """

    def fits(config: TinyclapConfig) -> bool:
        wanted = tensor_shapes(config.body, 1)
        return all(wanted.get(k) == v for k, v in widths.items())

    if found := PUBLISHED_NAME.search(name):
        return parse_tinyclap(found.group())
    outers = {int(k.split(".")[2]) for k in widths if k.startswith("body._layers.")}
    count = max(outers, default=0) - 2
    stem = widths.get("body._layers.1._layers.1.weight", (0,))[0]
    expanded = [widths.get(f"body._layers.{i}._layers.0.weight", (0, 0))[:2] for i in range(3, count + 3)]
    if count < 3 or not stem:
        raise UsageError("the tensors are not those of a PhiNet with separable stem")
    for step in (0.25, 0.05, 0.01):
        alpha = next((a for k in range(1, int(20 / step) + 1) if int(48 * (a := round(k * step, 2))) == stem), None)
        if alpha is None:
            continue
        t0, beta = np.meshgrid(np.arange(1, int(12 / step) + 1) * step, np.arange(1, int(4 / step) + 1) * step)
        good = np.ones(t0.shape, bool)
        for i, (wide, narrow) in enumerate(expanded, 1):
            share = (t0 * beta) * i / count + t0 * (count - i) / count
            good &= np.floor(share * narrow + 1e-9) == wide
        for b, t in zip(beta[good], t0[good], strict=True):
            config = TinyclapConfig(alpha, round(float(b), 2), round(float(t), 2), count)
            if fits(config):
                return config
    raise UsageError("no alpha, beta, t0 and N give these widths", "name them: --name phinet_alpha_..._N_...")
