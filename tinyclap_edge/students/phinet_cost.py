"""What a PhiNet costs on an input: parameters, multiply-accumulates, working memory. No torch, nothing is run.

Source of the counts: the closed forms of the inverted-residual block; they equal the published implementation's on
every configuration of tests/fixtures/phinet_oracle.json.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tinyclap_edge.errors import UsageError
from tinyclap_edge.students.phinet_config import NARROW_WIDTH, STEM_WIDTH, Block, PhiNetConfig, blocks

Shape = tuple[int, int, int]  # (channels, height, width)


@dataclass(frozen=True)
class Cost:
    """params: trainable, batch norms included; macs: of convolutions and the head; peak_elements: layer by layer."""

    params: int
    macs: int
    peak_elements: int
    output_shape: tuple[int, ...]


def spatial(size: int, kernel: int, stride: int, padding: str) -> int:
    """Output length of a depthwise convolution along one axis."""
    if padding == "same":
        return -(-size // stride)
    pad = kernel // 2 if stride == 1 else 1  # the published code pads stride-2 kernels by one, whatever their size
    return (size + 2 * pad - kernel) // stride + 1


def stem_spatial(height: int, width: int, stride: int, padding: str) -> tuple[int, int]:
    """Output size of the stem. As published, the larger side decides the padding of both."""
    if padding == "same":
        return -(-height // stride), -(-width // stride)
    pad = 1 if max(height, width) % 2 == 0 else 2
    return (height + pad - 3) // stride + 1, (width + pad - 3) // stride + 1


class _Ledger:
    def __init__(self) -> None:
        self.params = self.macs = self.peak = 0

    def conv(self, into: Shape, out: Shape, taps: int, norm: bool = True) -> Shape:
        """A convolution with `taps` weights an output element, counted with its batch norm."""
        if min(out) < 1:
            raise UsageError("the input is too small for this PhiNet", "use more frames or mel bins, or fewer blocks")
        self.params += taps * out[0] + (2 * out[0] if norm else 0)
        self.macs += taps * out[0] * out[1] * out[2]
        self.hold(into, out)
        return out

    def hold(self, into: Shape, out: Shape) -> None:
        self.peak = max(self.peak, _elements(into) + _elements(out))


def phinet_cost(
    config: PhiNetConfig, input_shape: Shape, classes: int | None = None, every_other: bool = False
) -> Cost:
    """Cost on an input of (channels, height, width); `classes` adds the average pool and linear head.

    every_other: the last block computes only its even rows and columns (see tinyclap_torch.py).
    """
    c, h, w = input_shape
    if min(input_shape) < 1:
        raise UsageError(f"input {input_shape} has an empty side", "write it like 1x128x64")
    ledger = _Ledger()
    if config.conv2d_input:
        shape = ledger.conv(input_shape, (config.width(NARROW_WIDTH), h - 2, w - 2), 9 * c)
    else:
        size = stem_spatial(h, w, config.stem_stride, config.padding)
        grown = (c, h, w)
        if config.padding == "peer":
            pad = 1 if max(h, w) % 2 == 0 else 2
            grown = (c, h + pad, w + pad)
        shape = ledger.conv(grown, (c, *size), 9, norm=False)
        shape = ledger.conv(shape, (config.width(STEM_WIDTH), *size), c)
    listed = blocks(config)
    if every_other:
        listed[-1] = replace(listed[-1], stride=2 * listed[-1].stride)
    for block in listed:
        shape = _block_cost(ledger, block, shape, config.padding)
    if classes is None:
        return Cost(ledger.params, ledger.macs, ledger.peak, shape)
    ledger.hold(shape, (shape[0], 1, 1))
    ledger.hold((shape[0], 1, 1), (classes, 1, 1))
    return Cost(ledger.params + shape[0] * classes + classes, ledger.macs + shape[0] * classes, ledger.peak, (classes,))


def _block_cost(ledger: _Ledger, block: Block, shape: Shape, padding: str) -> Shape:
    if block.pool_before:
        shape = _pool(ledger, shape)
    if block.index:
        shape = ledger.conv(shape, (block.expanded, *shape[1:]), shape[0])
    size = tuple(spatial(s, block.kernel, block.stride, padding) for s in shape[1:])
    shape = ledger.conv(shape, (block.expanded, size[0], size[1]), block.kernel**2)
    if block.se_width:
        squeezed = (block.se_width, 1, 1)
        ledger.conv((block.expanded, 1, 1), squeezed, block.expanded, norm=False)
        ledger.conv(squeezed, (block.expanded, 1, 1), block.se_width, norm=False)
    shape = ledger.conv(shape, (block.c_out, *shape[1:]), block.expanded)
    return _pool(ledger, shape) if block.pool_after else shape


def _pool(ledger: _Ledger, shape: Shape) -> Shape:
    out = (shape[0], shape[1] // 2, shape[2] // 2)
    if min(out) < 1:
        raise UsageError("the input is too small for this PhiNet", "use more frames or mel bins, or no pooling")
    ledger.hold(shape, out)
    return out


def _elements(shape: Shape) -> int:
    return shape[0] * shape[1] * shape[2]
