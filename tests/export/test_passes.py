"""A pass never changes a byte of an output; each is shown on a graph made for it, and all on random ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_graphs import codes
from passes_graphs import optimised, outputs_of, wasteful_graph
from tinyclap_export import passes
from tinyclap_export.graph import Graph, Quant
from tinyclap_export.integer import run_integer
from tinyclap_export.interpreters import run_litert
from tinyclap_export.passes import PASSES, optimise
from tinyclap_export.passes.intervals import channel_bounds
from tinyclap_export.tflite_reader import read_tflite
from tinyclap_export.tflite_writer import write_tflite

FIXTURES = Path(__file__).parents[1] / "fixtures"


class Made:
    """A graph written out by hand: one method an operator, each returning the tensor's name."""

    def __init__(self, shape: tuple[int, ...], scale: float = 0.05, zero_point: int = -3) -> None:
        self.g = Graph("made")
        self.rng = np.random.default_rng(7)
        self.x = self.g.add_input("x", shape, "int8", Quant(scale, zero_point))

    def op(self, kind: str, *inputs: str, like: str = "", scale: float = 0.05, zero: int = -3, **attrs) -> str:
        name = self.g.add_op(kind, inputs, f"{kind.lower()}{len(self.g.ops)}", **attrs)
        quant = self.g.tensors[like].quant if like else Quant(scale, zero)
        self.g.tensors[name] = replace(self.g.tensors[name], quant=quant)
        return name

    def conv(self, x: str, channels: int, dead: tuple[int, ...] = (), bias: int = 0, kernel: int = 1, **attrs) -> str:
        """CONV_2D with random weights, some filters zero; `bias` is that of the zero filters."""
        w = self.rng.integers(-127, 128, (channels, kernel, kernel, self.g.tensors[x].shape[-1])).astype(np.int8)
        w[list(dead)] = 0
        b = self.rng.integers(-500, 500, channels).astype(np.int32)
        b[list(dead)] = bias
        name = f"w{len(self.g.ops)}"
        self.g.add_const(name, w, Quant(np.full(channels, 0.01), np.zeros(channels), 0))
        self.g.add_const(f"{name}/b", b, Quant(np.full(channels, 0.0005), np.zeros(channels), 0))
        return self.op("CONV_2D", x, name, f"{name}/b", scale=0.2, **attrs)

    def depthwise(self, x: str, low: int = -127, high: int = 128, kernel: int = 3, **attrs) -> str:
        channels = self.g.tensors[x].shape[-1]
        w = self.rng.integers(low, high, (1, kernel, kernel, channels)).astype(np.int8)
        self.g.add_const(f"w{len(self.g.ops)}", w, Quant(np.full(channels, 0.01), np.zeros(channels), 3))
        return self.op("DEPTHWISE_CONV_2D", x, f"w{len(self.g.ops)}", scale=0.1, **attrs)

    def const(self, data, scale: float = 0.05, zero: int = -3) -> str:
        name = f"c{len(self.g.tensors)}"
        return self.g.add_const(name, np.asarray(data, np.int8), Quant(scale, zero))

    def done(self, *outputs: str) -> Graph:
        self.g.outputs = list(outputs)
        return self.g.validate()


def kinds(graph: Graph) -> list[str]:
    return [op.kind for op in graph.ops]


def run(graph: Graph) -> Graph:
    return optimised(graph, codes(graph, 6))


@given(st.integers(0, 2**31), st.integers(2, 12))
def test_random_graphs_keep_every_output_byte(seed, length):
    graph = wasteful_graph(seed, length)
    result = optimised(graph, codes(graph, 3, seed))
    assert result.macs() <= graph.macs()
    assert not optimise(result)[1], "a second run finds nothing"


@given(st.integers(0, 2**31))
def test_litert_agrees_that_nothing_changed(seed):
    graph = wasteful_graph(seed)
    x = codes(graph, 2, seed)
    result, _ = optimise(graph)
    before = run_litert(write_tflite(graph), graph, x)
    assert np.array_equal(run_litert(write_tflite(result), result, x), before)


@given(st.integers(0, 2**31))
def test_bounds_hold_for_every_tensor(seed):
    graph = wasteful_graph(seed)
    found = run_integer(graph, codes(graph, 6, seed), keep=True)
    for name, (low, high) in channel_bounds(graph).items():
        if name in found:
            rows = found[name].reshape(-1, low.size)
            assert np.all(low <= rows.min(axis=0)) and np.all(rows.max(axis=0) <= high), name


@pytest.mark.parametrize("name", PASSES)
def test_a_pass_leaves_its_graph_as_it_was(name):
    for seed in range(12):
        graph = wasteful_graph(seed)
        before = write_tflite(graph)
        PASSES[name](graph)
        assert write_tflite(graph) == before


def test_the_committed_phinet_stays_as_it_is_and_keeps_its_outputs():
    graph = read_tflite((FIXTURES / "phinet_s_int8.tflite").read_bytes())
    io = np.load(FIXTURES / "phinet_s_int8_io.npz")
    result, notes = optimise(graph)
    assert not notes
    assert np.array_equal(outputs_of(result, io["inputs"])[graph.outputs[0]], io["outputs"])


def test_a_wrong_constant_is_noticed(monkeypatch):
    m = Made((1, 4, 4, 3))
    y = m.conv(m.conv(m.x, 8, dead=(1, 4), bias=900), 2)
    graph = m.done(y)
    wrong = passes.channels.channel_bounds

    def shifted(g):
        return {name: type(b)(b.low + b.constant, b.high + b.constant) for name, b in wrong(g).items()}

    monkeypatch.setattr(passes.channels, "channel_bounds", shifted)
    with pytest.raises(AssertionError):
        run(graph)


# -- constants -----------------------------------------------------------------------------------------------------


def test_operators_of_constants_are_computed():
    m = Made((1, 2, 2, 3))
    a, b = m.const(m.rng.integers(-128, 128, (1, 2, 2, 3))), m.const(m.rng.integers(-128, 128, (1, 1, 1, 3)))
    table = m.op("HARD_SWISH", m.op("MUL", a, b, scale=0.3), scale=0.3)
    result = run(m.done(m.op("ADD", m.x, table, scale=0.4)))
    assert kinds(result) == ["ADD"]


def test_an_output_of_constants_is_still_computed():
    m = Made((1, 2, 2, 3))
    constant = m.op("HARD_SWISH", m.const(m.rng.integers(-128, 128, (1, 2, 2, 3))), scale=0.1)
    result = run(m.done(m.op("HARD_SWISH", m.x, scale=0.1), constant))
    assert sorted(kinds(result)) == ["ADD", "HARD_SWISH"]


def test_a_layer_of_dead_filters_becomes_a_constant_operand_of_one_pixel():
    m = Made((1, 4, 4, 3))
    dead = m.conv(m.x, 3, dead=(0, 1, 2), bias=400)
    result = run(m.done(m.op("ADD", m.x, dead, scale=0.3)))
    assert kinds(result) == ["ADD"]
    assert result.tensors[result.ops[0].inputs[1]].shape == (1, 1, 1, 1)


def test_the_network_before_a_constant_output_stays():
    m = Made((1, 4, 4, 3))
    graph = m.done(m.op("SOFTMAX", m.conv(m.x, 3, dead=(0, 1, 2)), scale=1 / 256, zero=-128))
    assert kinds(run(graph)) == kinds(graph)


# -- activations, identities, moves --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("own", "clip", "fused"),
    [("NONE", "RELU", "RELU"), ("NONE", "RELU6", "RELU6"), ("RELU", "RELU6", "RELU6"), ("RELU6", "RELU", "RELU6")],
)
@pytest.mark.parametrize("kind", ["CONV_2D", "ADD", "MUL", "MAX_POOL_2D"])
def test_a_clip_is_fused_into_the_operator_before(own, clip, fused, kind):
    m = Made((1, 5, 5, 3))
    if kind == "CONV_2D":
        y = m.conv(m.x, 4, activation=own)
    elif kind == "MAX_POOL_2D":
        y = m.op(kind, m.x, like="x", filter=(2, 2), stride=(2, 2), activation=own)
    else:
        y = m.op(kind, m.x, m.op("HARD_SWISH", m.x, scale=0.1), activation=own)
    result = run(m.done(m.op(clip, y, like=y)))
    assert kinds(result)[-1] == kind
    assert result.ops[-1].attrs["activation"] == fused


def test_a_clip_that_rescales_or_has_no_fused_form_or_a_second_reader_stays():
    m = Made((1, 4, 4, 3))
    y = m.conv(m.x, 3)
    assert kinds(run(m.done(m.op("RELU6", y, scale=0.1)))) == ["CONV_2D", "RELU6"]
    m = Made((1, 4, 4, 3))
    y = m.conv(m.x, 3)
    assert kinds(run(m.done(m.op("RELU_0_TO_1", y, like=y)))) == ["CONV_2D", "RELU_0_TO_1"]
    m = Made((1, 4, 4, 3))
    y = m.conv(m.x, 3)
    assert kinds(run(m.done(m.op("RELU", y, like=y), y))) == ["CONV_2D", "RELU"]


def test_identities_go_and_the_output_keeps_its_name():
    m = Made((1, 4, 4, 2))
    y = m.conv(m.x, 3, activation="RELU6")
    y = m.op("RELU", m.op("QUANTIZE", y, like=y), like=y)
    y = m.op("PAD", m.op("AVERAGE_POOL_2D", y, like=y, filter=(1, 1), stride=(1, 1)), like=y, pads=((0, 0),) * 4)
    out = m.op("RESHAPE", y, like=y, new_shape=(1, 4, 4, 3))
    result = run(m.done(out))
    assert kinds(result) == ["CONV_2D"]
    assert result.outputs == [out]


def test_a_quantize_to_nearly_the_same_scale_stays():
    m = Made((1, 4, 4, 2))
    y = m.conv(m.x, 3)
    assert kinds(run(m.done(m.op("QUANTIZE", y, scale=0.2000001)))) == ["CONV_2D", "QUANTIZE"]


def test_moves_that_cancel_go_and_others_combine():
    m = Made((1, 4, 5, 2))
    y = m.op("TRANSPOSE", m.op("TRANSPOSE", m.x, like="x", perm=(0, 3, 1, 2)), like="x", perm=(0, 2, 3, 1))
    y = m.op("RESHAPE", m.op("RESHAPE", y, like="x", new_shape=(8, 5)), like="x", new_shape=(1, 2, 2, 10))
    y = m.op("TRANSPOSE", m.op("TRANSPOSE", y, like="x", perm=(0, 2, 1, 3)), like="x", perm=(0, 1, 3, 2))
    y = m.op("PAD", m.op("PAD", y, like="x", pads=((0, 0), (1, 0), (0, 0), (0, 0))), like="x", pads=((0, 0), (1, 2), (0, 1), (0, 0)))  # fmt: skip
    result = run(m.done(y))
    assert kinds(result) == ["RESHAPE", "TRANSPOSE", "PAD"]
    assert result.ops[1].attrs["perm"] == (0, 2, 3, 1)
    assert result.ops[2].attrs["pads"] == ((0, 0), (2, 2), (0, 1), (0, 0))


def test_a_transposition_of_axes_of_one_element_is_a_reshape():
    m = Made((1, 1, 6, 3))
    assert kinds(run(m.done(m.op("TRANSPOSE", m.x, like="x", perm=(0, 2, 1, 3))))) == ["RESHAPE"]


def test_duplicates_are_one_and_dead_operators_go():
    m = Made((1, 4, 4, 2))
    y = m.conv(m.x, 3)
    m.conv(y, 5)
    a, b = m.op("HARD_SWISH", y, scale=0.3), m.op("HARD_SWISH", y, scale=0.3)
    result = run(m.done(m.op("ADD", a, b, scale=0.5)))
    assert kinds(result) == ["CONV_2D", "HARD_SWISH", "ADD"]
    assert len(result.tensors) == 6


# -- pads and pools ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("pads", "absorbed"), [(((1, 1), (1, 1)), True), (((0, 1), (1, 1)), False)])
def test_a_pad_of_what_same_pads_is_absorbed_and_no_other(pads, absorbed):
    m = Made((1, 5, 5, 2))
    padded = m.op("PAD", m.x, like="x", pads=((0, 0), *pads, (0, 0)))
    result = run(m.done(m.depthwise(padded, padding="VALID")))
    assert kinds(result) == (["DEPTHWISE_CONV_2D"] if absorbed else ["PAD", "DEPTHWISE_CONV_2D"])


@pytest.mark.parametrize(("zero_point", "absorbed"), [(-128, True), (-3, False)])
def test_a_maximum_absorbs_a_pad_only_where_no_code_lies_below_it(zero_point, absorbed):
    m = Made((1, 5, 5, 2), zero_point=zero_point)
    padded = m.op("PAD", m.x, like="x", pads=((0, 0), (1, 1), (1, 1), (0, 0)))
    result = run(m.done(m.op("MAX_POOL_2D", padded, like="x", filter=(3, 3), stride=(1, 1))))
    assert kinds(result) == (["MAX_POOL_2D"] if absorbed else ["PAD", "MAX_POOL_2D"])


@pytest.mark.parametrize("kind", ["LOGISTIC", "TANH", "RELU6", "ADD", "MUL", "DEPTHWISE_CONV_2D"])
def test_a_maximum_moves_before_a_monotone_operator(kind):
    m = Made((1, 6, 6, 3))
    if kind == "DEPTHWISE_CONV_2D":
        y = m.depthwise(m.x, low=0, kernel=1)
    elif kind in ("ADD", "MUL"):
        y = m.op(kind, m.x, m.const([[[[5, 70, 127]]]]), scale=0.2)
    else:
        fixed = {"LOGISTIC": (1 / 256, -128), "TANH": (1 / 128, 0)}.get(kind, (0.03, 4))
        y = m.op(kind, m.x, scale=fixed[0], zero=fixed[1])
    result = run(m.done(m.op("MAX_POOL_2D", y, like=y, filter=(3, 2), stride=(2, 2), padding="SAME")))
    assert kinds(result) == ["MAX_POOL_2D", kind]


@pytest.mark.parametrize("kind", ["HARD_SWISH", "MUL", "DEPTHWISE_CONV_2D", "CONV_2D"])
def test_a_maximum_stays_behind_what_falls_or_mixes(kind):
    m = Made((1, 6, 6, 3))
    if kind == "DEPTHWISE_CONV_2D":
        y = m.depthwise(m.x, low=-127, high=0, kernel=1)
    elif kind == "CONV_2D":
        y = m.conv(m.x, 3)
    else:
        y = m.op(kind, m.x, *([m.const([[[[5, -70, 127]]]])] if kind == "MUL" else []), scale=0.2)
    graph = m.done(m.op("MAX_POOL_2D", y, like=y, filter=(2, 2), stride=(2, 2)))
    assert kinds(run(graph)) == kinds(graph)


def test_an_average_stays_behind_everything():
    m = Made((1, 6, 6, 3))
    y = m.op("ADD", m.x, m.const([[[[5, 70, 127]]]]), scale=0.2)
    graph = m.done(m.op("AVERAGE_POOL_2D", y, like=y, filter=(2, 2), stride=(2, 2)))
    assert kinds(run(graph)) == kinds(graph)


def test_a_pool_of_one_element_becomes_a_stride():
    m = Made((1, 7, 9, 3))
    y = m.conv(m.x, 4, kernel=2, padding="VALID", stride=(1, 2))
    y = m.op("MAX_POOL_2D", m.op("HARD_SWISH", y, scale=0.1), like="", scale=0.1, filter=(1, 1), stride=(2, 3))
    result = run(m.done(y))
    assert kinds(result) == ["CONV_2D", "HARD_SWISH"]
    assert result.ops[0].attrs["stride"] == (2, 6)


# -- channels ------------------------------------------------------------------------------------------------------


def test_dead_channels_go_through_depthwise_activation_pool_and_sum():
    m = Made((1, 6, 6, 3))
    y = m.conv(m.x, 10, dead=(0, 3, 9), bias=0)
    y = m.op("HARD_SWISH", y, scale=0.1)
    z = m.depthwise(y, padding="VALID")
    y = m.op("ADD", z, m.op("LOGISTIC", z, scale=1 / 256, zero=-128), scale=0.2)
    y = m.op("AVERAGE_POOL_2D", y, like=y, filter=(2, 2), stride=(2, 2))
    y = m.op("MEAN", y, axes=(1, 2), scale=0.1)
    y = m.op("RESHAPE", y, like=y, new_shape=(1, 10))
    m.g.add_const("d", m.rng.integers(-127, 128, (4, 10)).astype(np.int8), Quant(0.02, 0))
    graph = m.done(m.op("FULLY_CONNECTED", y, "d", scale=0.3))
    result = run(graph)
    assert [result.tensors[op.outputs[0]].shape[-1] for op in result.ops] == [7] * 7 + [7, 4]
    assert result.macs() < graph.macs()


@pytest.mark.parametrize(("bias", "left"), [(0, 6), (9000, 8)])
def test_a_constant_channel_goes_before_a_padded_convolution_only_at_the_zero_point(bias, left):
    m = Made((1, 6, 6, 3))
    y = m.conv(m.x, 8, dead=(2, 5), bias=bias)
    result = run(m.done(m.conv(y, 4, kernel=3)))
    assert result.tensors[result.ops[0].outputs[0]].shape[-1] == left


def test_a_channel_that_a_clamp_pins_is_constant():
    m = Made((1, 6, 6, 3))
    y = m.conv(m.x, 6, activation="RELU6")
    bias = m.g.tensors["w0/b"]
    pinned = bias.data.copy()
    pinned[[1, 4]] = 10**6, -(10**6)
    m.g.tensors["w0/b"] = replace(bias, data=pinned)
    result = run(m.done(m.conv(y, 4)))
    assert result.tensors[result.ops[0].outputs[0]].shape[-1] == 4


def test_a_channel_that_nobody_weighs_goes():
    m = Made((1, 6, 6, 3))
    y = m.conv(m.conv(m.x, 6), 4)
    w = m.g.tensors["w1"].data.copy()
    w[..., [0, 2]] = 0
    m.g.tensors["w1"] = replace(m.g.tensors["w1"], data=w)
    result = run(m.done(y))
    assert result.tensors[result.ops[0].outputs[0]].shape[-1] == 4
    assert result.tensors[result.ops[1].inputs[1]].shape == (4, 1, 1, 4)


def test_a_note_counts_the_macs_that_went():
    m = Made((1, 6, 6, 3))
    graph = m.done(m.conv(m.conv(m.x, 8, dead=(1, 2)), 4))
    result, notes = optimise(graph)
    (note,) = notes
    assert note.name == "remove-channels"
    assert note.macs_removed == graph.macs() - result.macs() == 36 * (2 * 3 + 2 * 4)
    assert str(note) == "remove-channels: 1 change, 504 MACs fewer"


def test_a_graph_of_absurd_width_is_left_alone():
    m = Made((1, 1 << 21))
    y = m.op("RELU", m.x, like="x")
    graph = m.done(m.op("QUANTIZE", y, like="x"))
    assert not optimise(graph)[1]


def test_a_constant_larger_than_any_flash_is_not_made():
    m = Made((1, 1, 1, 2))
    tall, wide = m.const(np.ones((1, 4096, 1, 2))), m.const(np.ones((1, 1, 2048, 2)))
    graph = m.done(
        m.op("MEAN", m.op("ADD", tall, m.op("MUL", wide, m.x, scale=0.2), scale=0.3), axes=(1, 2), scale=0.3)
    )
    assert kinds(optimise(graph)[0]) == kinds(graph)
    big = m.op("ADD", tall, wide, scale=0.3)
    assert "ADD" in kinds(optimise(m.done(m.op("MUL", big, m.x, scale=0.2)))[0])
