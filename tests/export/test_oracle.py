"""TensorFlow's own converter as an independent judge of our quantisation (extra [oracle])."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from made_graphs import inverted_residuals, windows
from tinyclap_export.calibrate import calibrate
from tinyclap_export.float_run import run_float
from tinyclap_export.graph import Graph
from tinyclap_export.integer import dequantize, quantize_input, run_integer
from tinyclap_export.interpreters import run_litert
from tinyclap_export.quantize import quantize
from tinyclap_export.tflite_reader import read_tflite

pytestmark = [
    pytest.mark.oracle,
    pytest.mark.skipif(importlib.util.find_spec("tensorflow") is None, reason="TensorFlow is not installed"),
]


def keras_twin(graph: Graph):
    """A Keras model with the graph's weights: CONV_2D, DEPTHWISE_CONV_2D, MEAN, MUL, ADD, RELU, LOGISTIC, RESHAPE."""
    import tensorflow as tf

    layers, values = tf.keras.layers, {}
    x = tf.keras.Input(graph.tensors["x"].shape[1:], batch_size=1)
    values["x"] = x
    for op in graph.ops:
        args = [values[n] for n in op.inputs if n in values]
        consts = [graph.tensors[n].data for n in op.inputs if graph.tensors[n].data is not None]
        if op.kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            depthwise = op.kind == "DEPTHWISE_CONV_2D"
            options = {"strides": op.attrs["stride"], "padding": op.attrs["padding"].lower()}
            if depthwise:
                layer = layers.DepthwiseConv2D(consts[0].shape[1:3], **options)
                weights = consts[0].transpose(1, 2, 3, 0)
            else:
                layer = layers.Conv2D(consts[0].shape[0], consts[0].shape[1:3], **options)
                weights = consts[0].transpose(1, 2, 3, 0)
            y = layer(args[0])
            layer.set_weights([weights, consts[1]])
            if op.attrs["activation"] == "RELU6":
                y = layers.ReLU(6.0)(y)
        elif op.kind == "MEAN":
            y = layers.GlobalAveragePooling2D(keepdims=True)(args[0])
        elif op.kind in ("ADD", "MUL"):
            y = (layers.Add if op.kind == "ADD" else layers.Multiply)()(args)
        elif op.kind == "RESHAPE":
            y = layers.Reshape(op.attrs["new_shape"][1:])(args[0])
        else:
            y = {"RELU": layers.ReLU(), "RELU6": layers.ReLU(6.0), "LOGISTIC": layers.Activation("sigmoid")}[op.kind](
                args[0]
            )
        values[op.outputs[0]] = y
    return tf.keras.Model(x, values[graph.outputs[0]])


def converted(model, x: np.ndarray) -> bytes:
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([sample[None]] for sample in x)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter.convert()


def test_tensorflows_converter_agrees_with_our_path():
    graph = inverted_residuals("LOGISTIC", "RELU6")
    x = windows(graph, 48)
    expected = run_float(graph, x)
    model = keras_twin(graph)
    assert np.allclose(model.predict(x, batch_size=1, verbose=0), expected, atol=1e-4)

    file = converted(model, x)
    theirs = read_tflite(file)
    their_x = quantize_input(x, theirs.tensors[theirs.inputs[0]].quant)
    assert np.array_equal(run_integer(theirs, their_x), run_litert(file, theirs, their_x))
    ours = quantize(graph, calibrate(graph, x))
    assert np.isclose(ours.tensors["x"].quant.s, theirs.tensors[theirs.inputs[0]].quant.s, rtol=1e-3)
    assert abs(ours.tensors["x"].quant.z - theirs.tensors[theirs.inputs[0]].quant.z) <= 1
    similarity = {}
    for name, g in (("ours", ours), ("theirs", theirs)):
        out_quant = g.tensors[g.outputs[0]].quant
        out = dequantize(run_integer(g, quantize_input(x, g.tensors[g.inputs[0]].quant)), out_quant)
        similarity[name] = (out * expected).sum(1) / np.linalg.norm(out, axis=1) / np.linalg.norm(expected, axis=1)
    assert similarity["ours"].mean() > 0.998
    assert similarity["ours"].mean() > similarity["theirs"].mean() - 0.001
