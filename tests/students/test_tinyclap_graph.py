"""An imported tinyCLAP as an int8 graph: torch's output in float, and one set of bytes in int8."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tinyclap_export.calibrate import calibrate
from tinyclap_export.codegen.library import generate
from tinyclap_export.float_run import run_float
from tinyclap_export.host import HostEncoder
from tinyclap_export.integer import quantize_input, run_integer
from tinyclap_export.interpreters import run_litert
from tinyclap_export.passes import optimise
from tinyclap_export.quantize import quantize
from tinyclap_export.tflite_writer import write_tflite

from tinyclap_edge.errors import UsageError
from tinyclap_edge.students.file import StudentFile, reduce_matrix
from tinyclap_edge.students.imported_frontends import TINYCLAP
from tinyclap_edge.students.registry import build_student
from tinyclap_edge.students.tinyclap_graph import BOARD_R
from tinyclap_edge.students.tinyclap_reduce import reduce_imported
from tinyclap_edge.students.to_graph import board_student, student_graph

torch = pytest.importorskip("torch")
from tinyclap_edge.students.embed import student_module  # noqa: E402

FRAMES = 69  # odd: the published pads differ by it
BODY = "alpha=0.25,beta=1,t0=3,N={},wide=64,inner=96"


def student(head: str = "folded", dim: int = 96, blocks: int = 7, frames: int = FRAMES) -> StudentFile:
    """A small tinyCLAP with drawn weights, and statistics of levels around -40 dB."""
    torch.manual_seed(3)
    arch = f"tinyclap:{BODY.format(blocks)},head={head}"
    module = build_student(arch, dim)
    rng = np.random.default_rng(5)
    tensors = {}
    for name, value in module.state_dict().items():
        if name.endswith("num_batches_tracked"):
            continue
        array = value.numpy().copy()
        if name.endswith("running_var"):
            array = rng.uniform(0.5, 2, array.shape)
        elif array.ndim == 1:
            array = array + rng.normal(0, 0.2, array.shape)
        else:  # torch's own are so small that what is heard dies away
            array = rng.normal(0, np.sqrt(2 / np.prod(array.shape[1:])), array.shape)
        tensors[name] = array.astype(np.float32)
    tensors["norm.running_mean"] = rng.uniform(-50, -30, 64).astype(np.float32)
    tensors["norm.running_var"] = rng.uniform(100, 400, 64).astype(np.float32)
    channels = tensors["head.linear1.weight"].shape[1]
    return StudentFile(
        "made", arch, dim, replace(TINYCLAP, frames=frames), tensors, np.eye(dim, dtype=np.float32),
        np.arange(dim, dtype=np.int32), np.eye(dim, dtype=np.float32), np.zeros(dim, np.float32), "msclap-2022",
        dim, "rotate", {}, rng.normal(0, 1, (200, channels)).astype(np.float32),
    )  # fmt: skip


def levels(frames: int = FRAMES, count: int = 6) -> np.ndarray:
    """(count, frames, 64) float32 dB."""
    slow = np.random.default_rng(1).normal(0, 12, (count, frames // 3 + 1, 16)).repeat(3, 1).repeat(4, 2)
    return (slow[:, :frames] - 45).astype(np.float32)


def by_torch(made: StudentFile, x: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return student_module(made)(torch.from_numpy(x)[:, None]).numpy()


@pytest.mark.parametrize("reduction", ["rotate", "prune"])
@pytest.mark.parametrize("r", [12, 40])
def test_the_graph_gives_torchs_output_of_the_reduced_student(reduction: str, r: int) -> None:
    made = board_student(student(), r, reduction)
    x = levels()
    found = np.asarray(run_float(student_graph(made), x[..., None]))
    wanted = by_torch(made, x)
    assert found.shape == (6, r) and np.abs(found - wanted).max() < 1e-4 * np.abs(wanted).max()


def test_the_plain_front_end_with_the_shifted_normalisation_is_the_published_one() -> None:
    whole = student()
    board, reduced = board_student(whole, 12), reduce_imported(whole, 12)
    assert board.frontend == whole.frontend.plain != whole.frontend
    x, shift = levels(), np.asarray(whole.frontend.shift_db(), np.float32)
    assert np.allclose(by_torch(board, x), by_torch(reduced, x + shift), atol=1e-4)
    assert np.abs(by_torch(reduced, x) - by_torch(reduced, x + shift)).max() > 0.01  # the shift is not nothing


@pytest.mark.parametrize("blocks", [7, 8])
def test_a_last_block_with_a_skip_reads_every_other_entry_of_it_too(blocks: int) -> None:
    made = student("pruned", 10, blocks)
    made = replace(made, frontend=made.frontend.plain)
    x = levels()
    found = np.asarray(run_float(student_graph(made), x[..., None]))
    assert np.allclose(found, by_torch(made, x), atol=1e-4)


def test_a_rotation_of_the_reduced_space_goes_into_the_head() -> None:
    made = board_student(student(), 12)
    matrix = reduce_matrix(made, 7, "rotate")
    x = levels()[..., None]
    whole, turned = (np.asarray(run_float(g, x)) for g in (student_graph(made), student_graph(made, 7, "rotate")))
    assert np.allclose(turned, whole @ matrix.T, atol=1e-4)


def test_reference_litert_and_c_give_the_same_bytes(tmp_path: Path) -> None:
    made = board_student(student(), 12)
    graph, x = student_graph(made), levels()[..., None]
    int8 = quantize(graph, calibrate(graph, x))
    codes = quantize_input(x, int8.tensors["logmel"].quant)
    wanted = np.asarray(run_integer(int8, codes))
    assert np.array_equal(run_litert(write_tflite(int8), int8, codes), wanted)
    for schedule in ("layers", "rows"):
        library = generate(optimise(int8)[0], tmp_path / schedule, schedule=schedule)
        assert np.array_equal(HostEncoder(library.directory).run(codes).reshape(wanted.shape), wanted), schedule
    real = (wanted.astype(np.float32) - int8.tensors["embedding"].quant.z) * int8.tensors["embedding"].quant.s
    found = np.asarray(run_float(graph, x))
    cosine = (real * found).sum(1) / np.linalg.norm(real, axis=1) / np.linalg.norm(found, axis=1)
    assert cosine.min() > 0.98


def test_a_whole_space_is_refused_since_layer_norm_has_no_int8_form() -> None:
    with pytest.raises(UsageError, match="LayerNorm") as caught:
        board_student(student(), 96)
    assert f"--r {BOARD_R}" in caught.value.hint
    assert board_student(student()).dim == 95  # where nobody says how many: as many as LayerNorm allows, at most 256
    with pytest.raises(UsageError, match="LayerNorm"):
        student_graph(student())
