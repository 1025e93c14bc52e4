"""The static memory plan: nothing alive is overwritten, nothing is wasted that a better placement would save."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import random_graph
from tinyclap_export.codegen.lower import lower
from tinyclap_export.codegen.memory import ALIGNMENT, MemoryPlan, Span, StepMemory, lower_bound, place, plan_memory

spans = st.lists(st.tuples(st.integers(1, 300), st.integers(0, 12), st.integers(0, 5)), min_size=1, max_size=14).map(
    lambda items: [Span(f"s{i}", size, first, first + life) for i, (size, first, life) in enumerate(items)]
)


def overlap(a: tuple[int, int], b: tuple[int, int]) -> bool:
    return a[0] < b[1] and b[0] < a[1]


@settings(deadline=None, max_examples=60)
@given(spans)
def test_spans_alive_together_never_share_a_byte_and_the_total_is_exact(items):
    offsets, total = place(items)
    for a, b in itertools.combinations(items, 2):
        if a.overlaps(b):
            assert not overlap((offsets[a.name], offsets[a.name] + a.size), (offsets[b.name], offsets[b.name] + b.size))
    assert all(offset % ALIGNMENT == 0 for offset in offsets.values())
    assert total == max(offsets[s.name] + s.size for s in items)
    assert total >= lower_bound(items)


def plan_of(seed: int) -> tuple[MemoryPlan, list]:
    graph = random_graph(seed)
    steps = lower(graph)
    sizes = {t.name: t.size for t in graph.activations()}
    return plan_memory([s.memory() for s in steps], sizes, graph.inputs, graph.outputs), steps


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**31))
def test_in_a_plan_only_tensors_of_one_storage_overlap_while_both_live(seed):
    plan, _ = plan_of(seed)
    for a, b in itertools.combinations(plan.tensors, 2):
        if a.first <= b.last and b.first <= a.last and a.storage != b.storage:
            assert not overlap((a.offset, a.offset + a.size), (b.offset, b.offset + b.size)), (a, b)
    assert plan.arena_bytes == max(t.offset + t.size for t in plan.tensors)
    assert plan.arena_bytes >= plan.bound_bytes


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**31))
def test_a_tensor_taken_over_in_place_is_never_read_afterwards(seed):
    plan, steps = plan_of(seed)
    for index, step in enumerate(steps):
        for name in {name for _, name in step.operands}:
            if plan[name].storage == plan[step.output].storage and not step.alias:
                assert name in step.in_place
                assert plan[name].last <= index


def chain(*steps: StepMemory) -> MemoryPlan:
    sizes = {"x": 64, "a": 64, "b": 64, "c": 64, "v": 64}
    return plan_memory(list(steps), sizes, ["x"], [steps[-1].writes])


def test_elementwise_steps_work_in_place_and_need_one_tensor():
    plan = chain(StepMemory(("x",), "a", in_place=("x",)), StepMemory(("a",), "b", in_place=("a",)))
    assert plan.arena_bytes == 64


def test_a_tensor_read_later_is_not_overwritten():
    plan = chain(StepMemory(("x",), "a", in_place=("x",)), StepMemory(("a", "x"), "b", in_place=("a", "x")))
    assert plan["x"].storage != plan["a"].storage
    assert plan.arena_bytes == 128


def test_a_reshaped_view_keeps_its_source_alive():
    plan = chain(
        StepMemory(("x",), "v", alias=True),
        StepMemory(("x",), "a", in_place=("x",)),
        StepMemory(("a", "v"), "b", in_place=("a", "v")),
    )
    assert plan["v"].offset == plan["x"].offset
    assert plan["a"].offset != plan["x"].offset


def test_an_output_that_is_also_read_later_survives_the_run():
    sizes = dict.fromkeys(("x", "a", "b"), 32)
    steps = [StepMemory(("x",), "a", in_place=("x",)), StepMemory(("a",), "b", in_place=("a",))]
    plan = plan_memory(steps, sizes, ["x"], ["a", "b"])
    assert plan["a"].offset != plan["b"].offset


def test_scratch_lives_for_its_step_only():
    steps = [StepMemory(("x",), "a", scratch_bytes=100), StepMemory(("a",), "b"), StepMemory(("b",), "c")]
    plan = plan_memory(steps, dict.fromkeys("xabc", 64), ["x"], ["c"])
    assert plan.bound_bytes == 64 + 64 + 100  # scratch last: its end need not be rounded up
    assert plan.arena_bytes == plan.bound_bytes
    assert plan.live_bytes(1) == 128


def test_the_search_finds_a_perfect_packing_that_the_simple_orders_miss():
    items = [Span("a", 48, 0, 1), Span("b", 32, 1, 2), Span("c", 64, 2, 3), Span("d", 16, 0, 2), Span("e", 16, 3, 4),
             Span("f", 80, 4, 4)]  # fmt: skip
    _, total = place(items)
    assert total == lower_bound(items)
