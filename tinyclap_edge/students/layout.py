"""Names and shapes of a Student's tensors, derived from its architecture alone (no torch).

One list serves both sides: a file is checked against it, and the graph builder walks it. The names are torch's, in the
published layout under `body.`, plus `head.weight` and `head.bias`.
"""

from __future__ import annotations

from dataclasses import dataclass

from tinyclap_edge.students.phinet_config import NARROW_WIDTH, STEM_WIDTH, Block, PhiNetConfig, blocks


@dataclass(frozen=True)
class BlockNames:
    """Tensor prefixes of one block; `expand` is empty for the unexpanded block 0, `se` where there is none."""

    block: Block
    expand: str
    expand_norm: str
    depthwise: str
    depthwise_norm: str
    se: str
    project: str
    project_norm: str


@dataclass(frozen=True)
class StemNames:
    """Tensor prefixes of the input layers; `pointwise` is empty for the plain 3x3 convolution."""

    conv: str
    pointwise: str
    norm: str


def stem_names(config: PhiNetConfig) -> StemNames:
    """Where the stem's tensors are."""
    if config.conv2d_input:
        return StemNames("body._layers.0", "", "body._layers.2")
    root = "body._layers.1._layers"
    return StemNames(f"{root}.0", f"{root}.1", f"{root}.2")


def block_names(config: PhiNetConfig) -> list[BlockNames]:
    """Where each block's tensors are."""
    outer = 3 if config.conv2d_input else 2
    result = []
    for block in blocks(config):
        outer += block.pool_before
        root = f"body._layers.{outer}._layers"
        first = 4 if block.index else 1  # the expansion takes three places before the dropout
        last = first + 3 + bool(block.se_width)
        result.append(
            BlockNames(
                block,
                expand=f"{root}.0" if block.index else "",
                expand_norm=f"{root}.1" if block.index else "",
                depthwise=f"{root}.{first}",
                depthwise_norm=f"{root}.{first + 1}",
                se=f"{root}.{first + 3}" if block.se_width else "",
                project=f"{root}.{last}",
                project_norm=f"{root}.{last + 1}",
            )
        )
        outer += 1 + block.pool_after
    return result


def tensor_shapes(config: PhiNetConfig, dim: int) -> dict[str, tuple[int, ...]]:
    """Every tensor that a student file must hold, with its shape; counters of batch norms are not kept."""
    shapes: dict[str, tuple[int, ...]] = {}

    def norm(prefix: str, channels: int) -> None:
        for name in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{prefix}.{name}"] = (channels,)

    stem = stem_names(config)
    if stem.pointwise:
        width = config.width(STEM_WIDTH)
        shapes[f"{stem.conv}.weight"] = (1, 1, 3, 3)
        shapes[f"{stem.pointwise}.weight"] = (width, 1, 1, 1)
    else:
        width = config.width(NARROW_WIDTH)
        shapes[f"{stem.conv}.weight"] = (width, 1, 3, 3)
    norm(stem.norm, width)
    channels = width
    for names in block_names(config):
        b = names.block
        if names.expand:
            shapes[f"{names.expand}.weight"] = (b.expanded, b.c_in, 1, 1)
            norm(names.expand_norm, b.expanded)
        shapes[f"{names.depthwise}.weight"] = (b.expanded, 1, b.kernel, b.kernel)
        norm(names.depthwise_norm, b.expanded)
        if names.se:
            shapes[f"{names.se}.se_conv.weight"] = (b.se_width, b.expanded, 1, 1)
            shapes[f"{names.se}.se_conv2.weight"] = (b.expanded, b.se_width, 1, 1)
        shapes[f"{names.project}.weight"] = (b.c_out, b.expanded, 1, 1)
        norm(names.project_norm, b.c_out)
        channels = b.c_out
    shapes["head.weight"] = (dim, channels)
    shapes["head.bias"] = (dim,)
    return shapes
