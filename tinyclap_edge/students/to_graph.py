"""A student file -> the float graph that everything downstream reads. No torch.

Batch norms are folded into the convolution before them; the reduction of the space is folded into the head, so a
reduced student simply has a smaller last layer (a rotation costs nothing at run time).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from tinyclap_export.graph import Graph

from tinyclap_edge.errors import UsageError
from tinyclap_edge.students.file import StudentFile, reduce_matrix
from tinyclap_edge.students.layout import BlockNames, block_names, stem_names
from tinyclap_edge.students.phinet_config import PhiNetConfig

BN_EPS = 1e-3


def student_graph(student: StudentFile, r: int | None = None, reduction: str | None = None) -> Graph:
    """Float graph from `logmel` (1, frames, mels, 1), normalised, to `embedding` (1, r), not unit length.

    r None keeps the full space unrotated. UsageError (2) for a family that has no such graph, or a head that has none.
    """
    from tinyclap_edge.students.registry import find_family

    family = find_family(student.arch)
    if family.name not in GRAPHS:
        raise UsageError(f"{student.name} has no int8 form: {family.refusal}", "distil a PhiNet from the same teacher")
    matrix = None if r is None else reduce_matrix(student, r, reduction)
    return GRAPHS[family.name](student, matrix).validate()


def _phinet(student: StudentFile, matrix: np.ndarray | None) -> Graph:
    spec = student.frontend
    builder = BodyBuilder(student.name, student.tensors, student.config)
    x = builder.graph.add_input("logmel", (1, spec.frames, spec.mel_bins, 1))
    x = builder.stem(x)
    for index, names in enumerate(block_names(student.config)):
        x = builder.block(x, names, f"block{index}")
    builder.head(x, matrix)
    return builder.graph


def _tinyclap(student: StudentFile, matrix: np.ndarray | None) -> Graph:
    from tinyclap_edge.students.tinyclap_graph import tinyclap_graph

    return tinyclap_graph(student, matrix)


GRAPHS: dict[str, Callable[[StudentFile, np.ndarray | None], Graph]] = {"phinet": _phinet, "tinyclap": _tinyclap}


def board_student(student: StudentFile, r: int | None = None, reduction: str | None = None) -> StudentFile:
    """The student as `export` takes it: with an int8 form, and a front end that boards compute.

    A PhiNet is that already; an imported tinyCLAP is reduced to r where it is not. UsageError (2) for another family.
    """
    from tinyclap_edge.students.registry import find_family

    family = find_family(student.arch)
    if family.refusal:
        raise UsageError(
            f"{student.name} cannot be exported: {family.refusal}", "distil a PhiNet: `tinyclap-edge distill`"
        )
    if family.name == "tinyclap":
        from tinyclap_edge.students.tinyclap_graph import board_tinyclap

        return board_tinyclap(student, r, reduction)
    if student.frontend != student.frontend.plain:
        raise UsageError(
            f"{student.name} hears through a front end that boards do not compute",
            "distil it for the default one, or for student.frontend.plain",
        )
    return student


class BodyBuilder:
    """A graph that grows by the layers of a PhiNet; tensors by their names in a student file."""

    def __init__(self, name: str, tensors: Mapping[str, np.ndarray], config: PhiNetConfig) -> None:
        self.tensors = tensors
        self.config = config
        self.act = "NONE" if self.config.hswish else "RELU6"
        self.graph = Graph(name)

    def folded(self, weight: np.ndarray, norm: str) -> tuple[np.ndarray, np.ndarray]:
        """Weight (c_out, ...) and bias with the batch norm folded in; computed in float64, stored as float32."""
        gamma, beta, mean, var = (
            self.tensors[f"{norm}.{n}"].astype(np.float64) for n in ("weight", "bias", "running_mean", "running_var")
        )
        scale = gamma / np.sqrt(var + BN_EPS)
        shaped = weight.astype(np.float64) * scale.reshape(-1, *[1] * (weight.ndim - 1))
        return shaped.astype(np.float32), (beta - mean * scale).astype(np.float32)

    def conv(self, x: str, name: str, weight: np.ndarray, bias: np.ndarray | None, **attrs: object) -> str:
        """CONV_2D from torch's (c_out, c_in, kh, kw)."""
        return self._weighted("CONV_2D", x, name, weight.transpose(0, 2, 3, 1), bias, attrs)

    def depthwise(self, x: str, name: str, weight: np.ndarray, bias: np.ndarray | None, **attrs: object) -> str:
        """DEPTHWISE_CONV_2D from torch's (c, 1, kh, kw)."""
        return self._weighted("DEPTHWISE_CONV_2D", x, name, weight.transpose(1, 2, 3, 0), bias, attrs)

    def _weighted(
        self, kind: str, x: str, name: str, weight: np.ndarray, bias: np.ndarray | None, attrs: dict[str, object]
    ) -> str:
        channels = weight.shape[3] if kind == "DEPTHWISE_CONV_2D" else weight.shape[0]
        bias = np.zeros(channels, np.float32) if bias is None else bias
        inputs = [x, self.graph.add_const(f"{name}/weight", weight), self.graph.add_const(f"{name}/bias", bias)]
        return self.graph.add_op(kind, inputs, name, **attrs)

    def hard_swish(self, x: str) -> str:
        return self.graph.add_op("HARD_SWISH", [x], f"{x}/hswish") if self.config.hswish else x

    def padded(self, x: str, name: str, kernel: int, stride: int, explicit: bool = False) -> tuple[str, str]:
        """(input, padding) of a depthwise convolution: TensorFlow's SAME, or the published pads kept as they are.

        explicit: pads of their own also at stride 1, for a convolution whose stride is then another one.
        """
        if self.config.padding == "same" or (stride == 1 and not explicit):
            return x, "SAME"
        side = kernel // 2 if stride == 1 else 1
        return self.graph.add_op("PAD", [x], f"{name}/pad", pads=((0, 0), (side, side), (side, side), (0, 0))), "VALID"

    def stem(self, x: str) -> str:
        names, stride = stem_names(self.config), self.config.stem_stride
        if not names.pointwise:  # conv, activation, batch norm: the norm cannot go backwards through the activation
            weight = self.tensors[f"{names.conv}.weight"]
            x = self.hard_swish(self.conv(x, "stem", weight, None, padding="VALID", activation=self.act))
            scale, shift = self.folded(np.ones((weight.shape[0], 1, 1, 1), np.float32), names.norm)
            return self.depthwise(x, "stem/norm", scale, shift)
        padding = "SAME"
        if self.config.padding == "peer":
            height, width = self.graph.tensors[x].shape[1:3]
            before = max(height, width) % 2
            x = self.graph.add_op("PAD", [x], "stem/pad", pads=((0, 0), (before, 1), (before, 1), (0, 0)))
            padding = "VALID"
        weight = self.tensors[f"{names.conv}.weight"]
        x = self.depthwise(x, "stem/depthwise", weight, None, stride=(stride, stride), padding=padding)
        weight, bias = self.folded(self.tensors[f"{names.pointwise}.weight"], names.norm)
        return self.hard_swish(self.conv(x, "stem/pointwise", weight, bias, activation=self.act))

    def pool(self, x: str, name: str) -> str:
        return self.graph.add_op("MAX_POOL_2D", [x], name, filter=(2, 2), stride=(2, 2), padding="VALID")

    def block(self, x: str, names: BlockNames, name: str, every_other: bool = False) -> str:
        """every_other: only the even rows and columns of the block's map, as tinyCLAP's head reads them."""
        b = names.block
        stride = b.stride * (1 + every_other)
        if b.pool_before:
            x = self.pool(x, f"{name}/pool_before")
        entry = x
        if names.expand:
            weight, bias = self.folded(self.tensors[f"{names.expand}.weight"], names.expand_norm)
            x = self.hard_swish(self.conv(x, f"{name}/expand", weight, bias, activation=self.act))
        weight, bias = self.folded(self.tensors[f"{names.depthwise}.weight"], names.depthwise_norm)
        x, padding = self.padded(x, f"{name}/depthwise", b.kernel, b.stride, every_other)
        x = self.depthwise(
            x, f"{name}/depthwise", weight, bias, stride=(stride, stride), padding=padding, activation=self.act
        )
        x = self.hard_swish(x)
        if names.se:
            x = self.squeeze_excite(x, names.se, f"{name}/se")
        weight, bias = self.folded(self.tensors[f"{names.project}.weight"], names.project_norm)
        x = self.conv(x, f"{name}/project", weight, bias)
        if b.skip:
            if every_other:
                entry = self.graph.add_op(
                    "MAX_POOL_2D", [entry], f"{name}/skip/even", filter=(1, 1), stride=(2, 2), padding="VALID"
                )
            x = self.graph.add_op("ADD", [x, entry], f"{name}/skip")
        return self.pool(x, f"{name}/pool_after") if b.pool_after else x

    def squeeze_excite(self, x: str, prefix: str, name: str) -> str:
        gate = self.graph.add_op("MEAN", [x], f"{name}/mean", axes=(1, 2), keep_dims=True)
        gate = self.conv(gate, f"{name}/squeeze", self.tensors[f"{prefix}.se_conv.weight"], None, activation=self.act)
        gate = self.conv(self.hard_swish(gate), f"{name}/excite", self.tensors[f"{prefix}.se_conv2.weight"], None)
        gate = self.graph.add_op("LOGISTIC", [gate], f"{name}/gate")
        return self.graph.add_op("MUL", [x, gate], f"{name}/scale")

    def head(self, x: str, matrix: np.ndarray | None) -> None:
        weight = self.tensors["head.weight"].astype(np.float64)
        bias = self.tensors["head.bias"].astype(np.float64)
        if matrix is not None:
            weight, bias = matrix @ weight, matrix @ bias
        x = self.graph.add_op("MEAN", [x], "pool", axes=(1, 2), keep_dims=True)
        shaped = weight.astype(np.float32)[:, :, None, None]  # (r, channels, 1, 1)
        x = self.conv(x, "head", shaped, bias.astype(np.float32))
        # a 1x1 convolution, not FULLY_CONNECTED: every interpreter rounds it alike
        self.graph.outputs = [self.graph.add_op("RESHAPE", [x], "embedding", new_shape=(1, weight.shape[0]))]
