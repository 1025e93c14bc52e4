"""Backbones that are not PhiNets behind our linear head, and what any torch student costs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tinyclap_edge.students.phinet_cost import Cost, Shape


class PooledStudent(nn.Module):
    """log-mel (batch, 1, frames, mels), normalised -> embedding (batch, dim), not unit length.

    body: takes (batch, 1, mels, frames), as these networks were published, and gives (batch, body.width).
    """

    def __init__(self, arch: str, dim: int, body: nn.Module) -> None:
        super().__init__()
        self.arch, self.dim = arch, dim
        self.body = body
        self.head = nn.Linear(int(body.width), dim)  # type: ignore[arg-type]
        for module in body.modules():  # torch's default lets the signal of a deep ReLU network fade below a norm's eps
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x.transpose(2, 3)))


def shapes_of(module: nn.Module) -> dict[str, tuple[int, ...]]:
    """Tensors of a student file: the state dict without the counters of batch norms."""
    return {k: tuple(v.shape) for k, v in module.state_dict().items() if not k.endswith("num_batches_tracked")}


def torch_cost(module: nn.Module, input_shape: Shape) -> Cost:
    """Parameters, MACs of convolutions and matrix products, and the largest input + output of one layer.

    module: on the meta device (nothing is computed); input_shape: (1, frames, mels). A layer of another kind that
    multiplies says so by a method `macs(output) -> int`.
    """
    macs = peak = 0

    def watch(layer: nn.Module, inputs: Any, output: Any) -> None:
        nonlocal macs, peak
        macs += _layer_macs(layer, output)
        if not list(layer.children()):
            peak = max(peak, sum(t.numel() for t in (*inputs, output)))

    counted = [m for m in module.modules() if hasattr(m, "macs") or not list(m.children())]
    hooks = [m.register_forward_hook(watch) for m in counted]
    try:
        with torch.no_grad():
            out = module.eval()(torch.empty(1, *input_shape, device="meta"))
    finally:
        for hook in hooks:
            hook.remove()
    return Cost(sum(p.numel() for p in module.parameters()), macs, peak, tuple(out.shape[1:]))


def _layer_macs(layer: nn.Module, output: Tensor) -> int:
    if isinstance(layer, nn.Conv2d):
        return layer.weight[0].numel() * output[0].numel()
    if isinstance(layer, nn.Linear):
        return layer.weight.numel()
    return int(layer.macs(output)) if hasattr(layer, "macs") else 0  # type: ignore[operator]
