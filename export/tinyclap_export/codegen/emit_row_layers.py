"""The functions of a schedule of rows: one a layer, which makes one row, or does its part of a mean."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from tinyclap_export.codegen.ctext import block_comment, initialiser
from tinyclap_export.codegen.emit import Function, Unit, facts_text, layer_name, operand_arrays, quant_text
from tinyclap_export.codegen.emit_layers import first_row, title
from tinyclap_export.codegen.rings import Ring, RingPlan
from tinyclap_export.codegen.stages import ENDLESS, Program, Read, Task
from tinyclap_export.codegen.step import Step


def row_functions(prefix: str, program: Program) -> list[Function]:
    """A function a task; those called for many rows take the row's number."""
    found = []
    for task in sorted(program.tasks, key=lambda t: t.number):
        suffix = f"{task.step.suffix}_add" if task.form == "add" else task.step.suffix
        parameters = "uint8_t *arena, int32_t y" if task.calls > 1 else "uint8_t *arena"
        found.append(Function(task.number, layer_name(prefix, task.number, suffix), task.step, parameters))
    return found


@dataclass(frozen=True)
class Kept:
    """Sums of the last `rows` feature rows, which a stream keeps: [rows][channels] of ctype at an offset."""

    rows: int
    channels: int
    ctype: str
    offset: int

    @property
    def bytes(self) -> int:
        return self.rows * self.channels * (2 if self.ctype == "int16_t" else 4)


@dataclass(frozen=True)
class RowUnit:
    """A unit with its program and places. kept: of a stream."""

    unit: Unit
    program: Program
    plan: RingPlan
    kept: Kept | None = None

    @property
    def prefix(self) -> str:
        return self.unit.prefix

    @cached_property
    def functions(self) -> dict[int, Function]:
        return {f.index: f for f in self.unit.functions}

    def ring(self, tensor: str) -> Ring:
        return self.plan.rings[self.program.views[tensor].root]


def layer(rows: RowUnit, task: Task) -> list[str]:
    unit, step, function = rows.unit, task.step, rows.functions[task.number]
    pointer = {array.key: unit.array(step, array) for array in step.arrays}
    struct = step.row.struct if task.form == "row" and step.row and step.row.struct is not None else step.struct
    lines = block_comment(_describe(rows, task))
    lines += [f"TCE_NOINLINE void {function.name}({function.parameters}) {{"]
    body: list[str] = []
    if task.form == "add":
        body += _sums_body(rows, task)
    elif task.form == "finish":
        assert step.sums is not None
        sums = rows.ring(task.reads[0].tensor)
        lines += _struct(step, struct, pointer)
        body += [
            f"    const int32_t *sums = (const int32_t *)(const void *)(arena + {sums.offset});",
            f"    int8_t *out = (int8_t *)arena + {rows.ring(task.writes).offset};",
            "",
            f"    tce_mean_finish_s8(sums, out, {step.sums.channels}, &layer);",
        ]
    else:
        lines += _struct(step, struct, pointer)
        body += _row_body(rows, task, pointer)
    if task.calls > 1 and not any(_mentions_y(line) for line in body):
        body = ["    (void)y;", *body]
    return [*lines, *body, "}", ""]


def _sums_body(rows: RowUnit, task: Task) -> list[str]:
    """Adds a row to the channel sums; a stream takes the row of N rows ago away."""
    sums, kept, offset = task.step.sums, rows.kept, rows.ring(task.writes).offset
    assert sums is not None
    lines = [_pointer(rows, task, task.reads[0]),
             f"    int32_t *sums = (int32_t *)(void *)(arena + {offset}); /* [{sums.channels}] */"]  # fmt: skip
    if kept is not None:
        return [
            *lines,
            f"    {kept.ctype} *kept = ({kept.ctype} *)(void *)(arena + {kept.offset}) + (y % {kept.rows}) * "
            f"{kept.channels};", "",
            f"    {slide_kernel(kept)}(in, sums, kept, {sums.pixels}, {sums.channels});",
        ]  # fmt: skip
    clear = f"memset(sums, 0, {4 * sums.channels});"
    cleared = ["    if (y == 0) {", f"        {clear}", "    }"] if task.calls > 1 else [f"    {clear}"]
    return [*lines, "", *cleared, f"    tce_mean_add_s8(in, sums, {sums.pixels}, {sums.channels});"]


def slide_kernel(kept: Kept) -> str:
    """The kernel that replaces a row's sums: by how wide they are kept."""
    return "tce_mean_slide_s8" if kept.ctype == "int16_t" else "tce_mean_slide_wide_s8"


def _mentions_y(line: str) -> bool:
    code = line.split("/*")[0]
    return any(word == "y" for word in "".join(c if c.isalnum() or c == "_" else " " for c in code).split())


def _struct(step: Step, struct: dict, pointer: dict[str, str]) -> list[str]:
    if not struct:
        return []
    return [f"    static const {step.struct_type} layer = {{", *initialiser(struct, pointer, "        "), "    };"]


def _row_body(rows: RowUnit, task: Task, pointer: dict[str, str]) -> list[str]:
    step = task.step
    single = task.calls == 1
    lines = [_pointer(rows, task, read) for read in task.reads]
    lines += operand_arrays(pointer)
    out = rows.ring(task.writes)
    lines.append(f"    int8_t *out = (int8_t *)arena + {slot(out, task.form == 'whole' or single)};")
    if task.scratch_bytes:
        lines.append(f"    void *scratch = arena + {rows.plan.scratch[task.number]}; /* {task.scratch_bytes} bytes */")
    code: list[str] = []
    window = next((r.window for r in task.reads if r.window is not None), None)
    if window is not None:
        read = task.reads[0]
        view, ring = rows.program.views[read.tensor], rows.ring(read.tensor)
        depth = view.rows if view.flat else ring.depth
        lines.append(f"    const int8_t *rows[{window.kernel}];")
        first = first_row(window) if not single else str(-window.pad_top)
        height = "INT32_MAX" if view.rows == ENDLESS else view.rows
        code.append(f"tce_find_rows(rows, {window.kernel}, in, {first}, {window.dilation}, {height}, {depth}, "
                    f"{view.row_bytes});")  # fmt: skip
    assert step.row is not None or task.form == "whole"
    code += list(step.code if task.form == "whole" or step.row is None else step.row.code)
    if single:
        code = [line.replace(" + y * ", " + 0 * ") for line in code]
    return [*lines, "", *("    " + line for line in code)]


def slot(ring: Ring, whole: bool, row_bytes: int | None = None) -> str:
    """Offset of row y in a ring, as C. whole: of its beginning."""
    size = row_bytes or ring.row_bytes
    if whole or ring.depth == 1:
        return str(ring.offset)
    row = "y" if ring.depth == ring.rows else f"(y % {ring.depth})"
    return f"{ring.offset} + {row} * {size}"


def _pointer(rows: RowUnit, task: Task, read: Read) -> str:
    """Declaration of an operand: a row of its ring, or its beginning."""
    view, ring = rows.program.views[read.tensor], rows.ring(read.tensor)
    if view.flat:
        ring = Ring(view.rows, view.row_bytes, view.rows, ring.offset)
    whole = read.whole or read.window is not None or task.calls == 1
    return f"    const int8_t *{read.cname} = (const int8_t *)arena + {slot(ring, whole)};"


def _describe(rows: RowUnit, task: Task) -> list[str]:
    """Header comment of a layer's function."""
    tensors, step = rows.unit.graph.tensors, task.step
    many = f", {task.calls} rows" if 1 < task.calls < ENDLESS else ""
    text = [title(rows.functions[task.number]) + {"add": ", sums of a row", "finish": ", of the sums"}.get(task.form, "")
            + many]  # fmt: skip
    for cname, name in [*((r.cname, r.tensor) for r in task.reads), ("out", task.writes)]:
        view, ring = rows.program.views[name], rows.ring(name)
        kept = f"ring of {ring.depth} rows" if ring.depth < ring.rows else "whole"
        what = "int32 sums"
        if name in tensors:
            what = "int8 [" + "][".join(str(d) for d in tensors[name].shape[-3:]) + "]"
        quant = f"  {quant_text(tensors[name])}" if name in tensors else ""
        text.append(f"{cname + ':':<5}{what}, {kept}: arena {ring.offset} .. {ring.offset + ring.bytes}{quant}"
                    + (", as rows of its own" if view.flat else ""))  # fmt: skip
    return text + ([] if task.form == "add" else facts_text(step, []))
