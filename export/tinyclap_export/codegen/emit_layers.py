"""The C of the schedule `layers`: one function a layer over whole maps, called in order."""

from __future__ import annotations

from tinyclap_export.codegen.ctext import block_comment, comment_text, initialiser
from tinyclap_export.codegen.emit import (
    Function,
    Unit,
    facts_text,
    generated,
    layer_name,
    operand_arrays,
    ordinal,
    quant_text,
    shape_text,
)
from tinyclap_export.codegen.memory import MemoryPlan
from tinyclap_export.codegen.step import Step, Window, map_rows
from tinyclap_export.graph import Tensor


def layer_functions(prefix: str, steps: list[Step]) -> list[Function]:
    """The functions of the steps that compute, in order."""
    computing = [step for step in steps if not step.alias]
    return [Function(i, layer_name(prefix, i, step.suffix), step) for i, step in enumerate(computing)]


def source(unit: Unit, plan: MemoryPlan) -> str:
    """tce_NAME.c."""
    lines = block_comment([
        *generated(unit, "The layers"),
        "",
        "One function a layer. Each reads and writes the arena at offsets fixed at generation time; the numbers after",
        "`arena +` are those offsets, the others are the layer's sizes, named by the struct fields of tce_engine.h.",
    ])  # fmt: skip
    lines += [f'#include "{unit.prefix}.h"', "", '#include "engine/tce_engine.h"',
              f'#include "{unit.prefix}_weights.h"', ""]  # fmt: skip
    for function in unit.functions:
        lines += _layer(unit, plan, function)
    lines += ends(unit, [plan.offset(n) for n in unit.graph.inputs], [plan.offset(n) for n in unit.graph.outputs])
    lines += [f"void {unit.prefix}_run(uint8_t *arena) {{"]
    lines += [f"    {function.name}(arena);" for function in unit.functions] or ["    (void)arena;"]
    lines += ["}", ""]
    return "\n".join(lines)


def ends(unit: Unit, inputs: list[int], outputs: list[int]) -> list[str]:
    """The functions that tell where inputs and outputs lie. Offsets in the order of the graph."""
    lines = []
    for i, offset in enumerate(inputs):
        lines += [f"int8_t *{unit.prefix}_input{ordinal(i).lower()}(uint8_t *arena) {{",
                  f"    return (int8_t *)arena + {offset};", "}", ""]  # fmt: skip
    for i, offset in enumerate(outputs):
        lines += [f"const int8_t *{unit.prefix}_output{ordinal(i).lower()}(const uint8_t *arena) {{",
                  f"    return (const int8_t *)arena + {offset};", "}", ""]  # fmt: skip
    return lines


def _layer(unit: Unit, plan: MemoryPlan, function: Function) -> list[str]:
    tensors, step = unit.graph.tensors, function.step
    pointer = {array.key: unit.array(step, array) for array in step.arrays}
    lines = block_comment(_describe(unit, plan, function))
    lines += [f"TCE_NOINLINE void {function.name}({function.parameters}) {{"]
    if step.struct:
        lines += [f"    static const {step.struct_type} layer = {{",
                  *initialiser(step.struct, pointer, "        "), "    };"]  # fmt: skip
    for cname, name in step.operands:
        lines.append(
            f"    const int8_t *{cname} = (const int8_t *)arena + {plan.offset(name)}; /* {shape_text(tensors[name])} */"
        )
    lines += operand_arrays(pointer)
    lines.append(
        f"    int8_t *out = (int8_t *)arena + {plan.offset(step.output)}; /* {shape_text(tensors[step.output])} */"
    )
    if step.scratch_bytes:
        number = next(i for i, other in enumerate(unit.steps) if other is step)
        offset = plan.offset(f"scratch of step {number}")
        lines.append(f"    void *scratch = arena + {offset}; /* {step.scratch_bytes} bytes */")
    code = list(step.code)
    if step.row is not None and step.row.window is not None and not code:
        lines.append(f"    const int8_t *rows[{step.row.window.kernel}];")
        code = _window_loop(tensors[step.operands[0][1]], tensors[step.output], step.row.window, step.row.code)
    lines += ["", *("    " + line for line in code), "}", ""]
    return lines


def _window_loop(source: Tensor, out: Tensor, window: Window, call: tuple[str, ...]) -> list[str]:
    """A whole map, row by row."""
    (height, row_bytes), (out_rows, out_bytes) = map_rows(source.shape), map_rows(out.shape)
    return [
        f"for (int32_t y = 0; y < {out_rows}; y++) {{",
        f"    tce_find_rows(rows, {window.kernel}, in, {first_row(window)}, {window.dilation}, {height}, {height}, "
        f"{row_bytes});",
        *("    " + line for line in call),
        f"    out += {out_bytes};",
        "}",
    ]


def first_row(window: Window) -> str:
    """The first input row of output row y, as C."""
    term = "y" if window.stride == 1 else f"{window.stride} * y"
    return term if window.pad_top == 0 else f"{term} - {window.pad_top}"


def _describe(unit: Unit, plan: MemoryPlan, function: Function) -> list[str]:
    tensors, step = unit.graph.tensors, function.step
    text = [title(function)]
    for cname, name in [*step.operands, ("out", step.output)]:
        tensor = tensors[name]
        text.append(f"{cname + ':':<5}int8 {shape_text(tensor)}  arena {plan.offset(name)} .. "
                    f"{plan.offset(name) + tensor.size}  {quant_text(tensor)}")  # fmt: skip
    in_place = any(plan[step.output].storage == plan[name].storage for _, name in step.operands)
    return [*text, *facts_text(step, ["works in place"] if in_place else [])]


def title(function: Function) -> str:
    """The first line of a layer's comment."""
    op = function.step.op
    activation = op.attrs.get("activation", "NONE")
    fused = "" if activation == "NONE" else f" with {activation}"
    return f"Layer {function.index:02d}: {comment_text(op.name)} - {op.kind}{fused}"
