"""Several processes as one: who I am, sums and gathers that carry gradients, batch norm over the global batch.

Started by torchrun, the same code as in a single process runs in each: every process takes its slice of the global batch,
DistributedDataParallel averages the gradients, and whatever looks at a whole batch (batch norm, contrastive losses)
asks here. torch's own synchronised batch norm is for GPUs only; this one is exact anywhere.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from tinyclap_edge.errors import UsageError


@dataclass(frozen=True)
class World:
    """rank: which process this is, of `size`."""

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this process writes files and speaks."""
        return self.rank == 0

    def slice_of(self, count: int) -> slice:
        """This process's rows of `count`. UsageError where they cannot be shared evenly."""
        if count % self.size:
            raise UsageError(
                f"{count} clips a step cannot be shared evenly by {self.size} processes",
                f"--set batch={-(-count // self.size) * self.size}",
            )
        each = count // self.size
        return slice(self.rank * each, (self.rank + 1) * each)

    def mean(self, value: Tensor) -> Tensor:
        """The mean over processes of a detached scalar."""
        if self.size == 1:
            return value.detach()
        total = value.detach().double()
        dist.all_reduce(total)
        return total / self.size

    def wait(self) -> None:
        """Until all processes are here."""
        if self.size > 1:
            dist.barrier()

    def wrap(self, model: nn.Module) -> nn.Module:
        """The model with gradients averaged over processes; itself where there is one."""
        if self.size == 1:
            return model
        return nn.parallel.DistributedDataParallel(model, broadcast_buffers=False)


ALONE = World()


def join(device: str = "cpu") -> World:
    """The world that torchrun describes in the environment; one process where it does not."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return ALONE
    if device.startswith("cuda"):
        torch.cuda.set_device(device)
    if not dist.is_initialized():
        dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    return World(dist.get_rank(), size)


def leave(world: World) -> None:
    """Close what `join` opened."""
    if world.size > 1 and dist.is_initialized():
        dist.destroy_process_group()


class _Sum(torch.autograd.Function):
    """all_reduce(sum); what each process's result does to its loss comes back summed."""

    @staticmethod
    def forward(context: Any, x: Tensor) -> Tensor:
        total = x.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]
        total = gradient.clone()
        dist.all_reduce(total)
        return total


class _Gather(torch.autograd.Function):
    """all_gather along the first axis; each process's rows get the gradients of every process's loss."""

    @staticmethod
    def forward(context: Any, x: Tensor) -> Tensor:
        parts = [torch.empty_like(x) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, x.contiguous())
        context.rows = len(x)
        return torch.cat(parts)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]
        total = gradient.clone()
        dist.all_reduce(total)
        start = dist.get_rank() * context.rows
        return total[start : start + context.rows]


def total(x: Tensor) -> Tensor:
    """Sum over processes, with gradients; x itself where there is one process."""
    return _Sum.apply(x) if _several() else x


def gather(x: Tensor) -> Tensor:
    """(batch of all processes, ...) from each one's (batch, ...), with gradients."""
    return _Gather.apply(x) if _several() else x


def _several() -> bool:
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


class GlobalBatchNorm(_BatchNorm):
    """Batch norm whose statistics are those of the global batch: two sums over processes a layer, both exact."""

    def _check_input_dim(self, input: Tensor) -> None:
        return None

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not _several():
            return F.batch_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias, self.training,
                self.momentum or 0.0, self.eps,
            )  # fmt: skip
        over = [0, *range(2, x.dim())]
        shape = [1, -1] + [1] * (x.dim() - 2)
        count = x.numel() // x.shape[1] * dist.get_world_size()
        mean = total(x.sum(over)) / count
        centred = x - mean.view(shape)
        variance = total((centred * centred).sum(over)) / count
        if self.running_mean is not None and self.running_var is not None and self.momentum is not None:
            with torch.no_grad():
                self.running_mean.lerp_(mean.detach().to(self.running_mean), self.momentum)
                unbiased = variance.detach() * count / max(1, count - 1)
                self.running_var.lerp_(unbiased.to(self.running_var), self.momentum)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
        scale = torch.rsqrt(variance + self.eps)
        if self.weight is not None:
            scale = scale * self.weight
        out = centred * scale.view(shape)
        return out if self.bias is None else out + self.bias.view(shape)


def with_global_norms(module: nn.Module, world: World) -> nn.Module:
    """Replace each batch norm by a GlobalBatchNorm of the same tensors, where there are several processes."""
    if world.size > 1:
        for name, child in module.named_children():
            if isinstance(child, _BatchNorm) and not isinstance(child, GlobalBatchNorm):
                made = GlobalBatchNorm(child.num_features, child.eps, child.momentum, child.affine)
                made.load_state_dict(child.state_dict())
                made.to(next(iter(child.state_dict().values())).device)
                setattr(module, name, made)
            else:
                with_global_norms(child, world)
    return module
