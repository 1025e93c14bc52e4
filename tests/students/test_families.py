"""Every family equals the published implementation: keys, parameters, MACs and fingerprints of rule-filled weights."""

from __future__ import annotations

import pytest
from students.rule_weights import fixture, rule_input, rule_state, same_figures

from tinyclap_edge.errors import UsageError
from tinyclap_edge.students.registry import FAMILIES, build_student, canonical_arch, student_cost, student_shapes

torch = pytest.importorskip("torch")
FIGURES = fixture("families")


def filled(arch: str, name: str) -> torch.nn.Module:
    student = build_student(arch, 8).double().eval()
    state = rule_state(FIGURES[name]["keys"], FIGURES[name].get("fans"))
    assert len(state) == FIGURES[name]["n_tensors_filled"]
    wrong = student.body.load_state_dict({k: torch.from_numpy(v) for k, v in state.items()}, strict=False)
    assert not wrong.unexpected_keys
    assert all(k.endswith(("num_batches_tracked", "lambdas", "init_v")) for k in wrong.missing_keys)
    return student


@pytest.mark.parametrize("name", FIGURES)
def test_keys_parameters_and_macs_are_the_published_ones(name: str) -> None:
    figures = FIGURES[name]
    listed = {k: tuple(v) for k, v in student_shapes(name, 8).items() if not k.startswith("head.")}
    assert listed == {f"body.{k}": tuple(shape) for k, shape in figures["keys"]}
    cost = student_cost(name, (1, 624, 128))
    assert (cost.params, cost.macs, cost.output_shape) == (
        figures["parameters"], figures["macs_128x624"], (figures["embedding"],),
    )  # fmt: skip
    if name == "mn10":
        assert student_cost(name, (1, 1000, 128)).macs == figures["macs_128x1000"]
        assert student_cost(name, (1, 624, 128), 384).params == cost.params + (figures["embedding"] + 1) * 384


@pytest.mark.parametrize("name", FIGURES)
def test_rule_filled_weights_give_the_published_embedding(name: str) -> None:
    student = filled(name, name)
    for figures in FIGURES[name]["fingerprints"]:
        with torch.no_grad():
            same_figures(
                student.body(torch.from_numpy(rule_input(figures["input_shape"])))[0], figures["embedding"], 1e-8
            )


def test_the_temperature_of_dymn_is_part_of_its_name() -> None:
    figures = FIGURES["dymn10"]["fingerprint_temperature_1"]
    student = filled("dymn10:temperature=1", "dymn10")
    with torch.no_grad():
        same_figures(student.body(torch.from_numpy(rule_input(figures["input_shape"])))[0], figures["embedding"], 1e-8)
    assert canonical_arch("dymn10:temperature=30") == "dymn10" != canonical_arch("dymn10:temperature=1")


@pytest.mark.parametrize("arch", ["phinet:alpha=0.3,t0=2,compat=1", "mn10", "dymn10", "eres2net:mels=64"])
def test_every_family_takes_a_batch_of_log_mels_time_first(arch: str) -> None:
    student = build_student(arch, 12).eval()
    seen = []
    student.body.register_forward_pre_hook(lambda layer, inputs: seen.append(tuple(inputs[0].shape[2:])))
    with torch.no_grad():
        out = student(torch.zeros(2, 1, 70, 64).normal_(generator=torch.Generator().manual_seed(0)))
    assert out.shape == (2, 12) and torch.isfinite(out).all()
    assert seen == [(70, 64) if "phinet" in arch else (64, 70)]  # the others were published mel first
    own = {k: tuple(v.shape) for k, v in student.state_dict().items() if not k.endswith("num_batches_tracked")}
    assert own == student_shapes(arch, 12)


def test_paper_costs_equal_what_torch_counts() -> None:
    from tinyclap_edge.students.pooled_torch import torch_cost

    for arch, dim in (("phinet:alpha=0.5,t0=4,compat=1", 24), ("tinyclap:head=folded", 1024), ("tinyclap", 1024)):
        with torch.device("meta"):
            found = torch_cost(build_student(arch, dim), (1, 250, 64))
        paper = student_cost(arch, (1, 250, 64), dim)
        assert (paper.params, paper.macs, paper.output_shape) == (found.params, found.macs, found.output_shape), arch


@pytest.mark.parametrize(
    ("arch", "word"),
    [("mn11", "did you mean 'mn10'"), ("vit", "families:"), ("dymn10:heat=3", "options: temperature"),
     ("dymn10:temperature=warm", "not a number"), ("eres2net:mels=0", "outside"), ("mn10:a=1", "unknown option")],
)  # fmt: skip
def test_a_wrong_name_is_refused_with_the_right_ones(arch: str, word: str) -> None:
    with pytest.raises(UsageError) as caught:
        build_student(arch, 8)
    assert word in f"{caught.value.fact} {caught.value.hint}"


def test_families_say_whether_they_can_be_exported() -> None:
    assert [name for name, family in FAMILIES.items() if not family.refusal] == ["phinet", "tinyclap"]
