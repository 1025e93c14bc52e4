"""PhiNet equals figures and fingerprints taken once from the published implementation (fixtures/phinet_oracle.json)."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from tinyclap_edge.students.phinet_config import PhiNetConfig, parse_arch
from tinyclap_edge.students.phinet_cost import phinet_cost

ORACLE = json.loads((Path(__file__).parents[1] / "fixtures" / "phinet_oracle.json").read_text())


def config_of(entry: dict) -> PhiNetConfig:
    options = ["+".join(map(str, v)) if isinstance(v, list) else str(v) for v in entry["config"].values()]
    return parse_arch("phinet:" + ",".join(f"{k}={v}" for k, v in zip(entry["config"], options, strict=True)))


def label(entry: dict) -> str:
    return (
        f"{entry['label']}-{'x'.join(map(str, entry['input_shape']))}-{'top' if entry.get('num_classes') else 'body'}"
    )


@pytest.mark.parametrize("entry", ORACLE["configurations"], ids=label)
def test_parameters_macs_and_peak_equal_the_published_implementation(entry: dict) -> None:
    cost = phinet_cost(config_of(entry), tuple(entry["input_shape"]), entry["num_classes"])
    assert cost.params == entry["params"]
    assert cost.macs == entry["exact_conv_linear_macs"]
    assert cost.peak_elements == entry["peak_in_plus_out_elements"]
    assert list(cost.output_shape) == entry["output_shape"]


@pytest.mark.parametrize("entry", ORACLE["fingerprints"], ids=label)
def test_rule_filled_weights_give_the_published_fingerprint(entry: dict) -> None:
    torch = pytest.importorskip("torch")
    from tinyclap_edge.students.phinet_torch import PhiNet

    config = config_of(entry)
    channels, height, width = entry["input_shape"]
    net = PhiNet(config, channels, classes=10).double().eval()
    state = {k: v for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")}
    assert len(state) == entry["n_tensors_filled"]
    for j, (name, tensor) in enumerate(state.items()):
        i = torch.arange(tensor.numel(), dtype=torch.float64)
        if name.endswith("running_mean"):
            filled = 0.05 * torch.sin(i + 2 * j)
        elif name.endswith("running_var"):
            filled = 1 + 0.2 * torch.cos(i) ** 2
        elif tensor.dim() >= 2:
            filled = torch.sin(0.7 * i + j) * math.sqrt(2 / (tensor.numel() // tensor.shape[0]))
        elif name.endswith("weight"):
            filled = 1 + 0.1 * torch.sin(i + j)
        else:
            filled = 0.1 * torch.cos(i + j)
        tensor.copy_(filled.reshape(tensor.shape))
    i = torch.arange(channels * height * width, dtype=torch.float64)
    x = (torch.sin(0.013 * i) + 0.5 * torch.cos(0.0007 * i)).reshape(1, channels, height, width)
    with torch.no_grad():
        logits = net(x)[0]
        feature = x
        for layer in net._layers:
            feature = layer(feature)
    assert list(feature.shape[1:]) == entry["embedding_shape"]
    assert feature.sum().item() == pytest.approx(entry["embedding_sum"], rel=1e-9, abs=1e-12)
    assert feature.norm().item() == pytest.approx(entry["embedding_l2"], rel=1e-9)
    assert feature.flatten()[:8].tolist() == pytest.approx(entry["embedding_first8"], rel=1e-8)
    assert logits.tolist() == pytest.approx(entry["logits"], rel=1e-8)


@pytest.mark.parametrize("key", list(ORACLE["state_dict_keys_without_num_batches_tracked"]))
def test_state_dict_names_and_shapes_equal_the_published_layout(key: str) -> None:
    pytest.importorskip("torch")
    from tinyclap_edge.students.phinet_torch import PhiNet

    arch = {
        "tinyclap_released": "phinet:alpha=1.5,beta=0.75,t0=6,N=7,compat=1",
        "se_hswish_a1.5": "phinet:alpha=1.5,beta=0.75,t0=6,N=7",
        "conv2d_input_a1": "phinet:alpha=1,beta=1,t0=6,N=7,conv2d_input=1,compat=1",
    }[key]
    state = PhiNet(parse_arch(arch), classes=10).state_dict()
    found = [[k, list(v.shape)] for k, v in state.items() if not k.endswith("num_batches_tracked")]
    assert found == ORACLE["state_dict_keys_without_num_batches_tracked"][key]


def test_the_architecture_string_survives_a_round_trip() -> None:
    text = "phinet:alpha=0.5,beta=1,t0=4,N=9,se=0,hswish=0,pool=1,divisor=8,conv5=0.25,downsampling=4+6,padding=same"
    assert parse_arch(parse_arch(text).arch()) == parse_arch(text)
