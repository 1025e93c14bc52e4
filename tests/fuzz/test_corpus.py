"""The committed inputs of the fuzz targets, and some blind changes of them, under the sanitizers: nothing is found."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from fuzz.make_corpus import inputs

from benchmarks.fuzz_targets import CORPUS, TARGETS, build, corpus, replay, replaying_compiler

MUTATIONS = 3_000


@pytest.mark.parametrize("target", TARGETS)
def test_no_input_of_the_corpus_and_no_change_of_it_makes_the_c_stray(target: str, tmp_path: Path) -> None:
    compiler = replaying_compiler()
    if compiler is None:
        pytest.skip("the sanitizers come with gcc, clang or zig")
    program = build(target, tmp_path / target, compiler)
    assert replay(program, target, MUTATIONS) == len(corpus(target)) + MUTATIONS


def test_the_committed_corpus_is_what_its_script_writes() -> None:
    for target, files in inputs().items():
        for name, data in files.items():
            assert (CORPUS / target / name).read_bytes() == data, f"{target}/{name}"


def test_a_target_that_fails_is_seen_to_fail(tmp_path: Path) -> None:
    compiler = replaying_compiler()
    if compiler is None or "address" not in compiler.sanitizers:
        pytest.skip("the address sanitizer comes with gcc")
    source = tmp_path / "fuzz.c"
    source.write_text(
        "#include <stddef.h>\n#include <stdint.h>\nint LLVMFuzzerTestOneInput(const uint8_t *d, size_t n);\n"
        "int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n) { return n > 40 ? d[n] == 7 : 0; }\n"
    )
    main, program = Path(__file__).with_name("replay_main.c"), tmp_path / "fuzz"
    flags = [f"-fsanitize={compiler.sanitizers}", "-fno-sanitize-recover=all", "-O0"]
    subprocess.run([*compiler.command, *flags, str(source), str(main), "-o", str(program)], check=True)
    with pytest.raises(RuntimeError, match="frames"):
        replay(program, "frames", 50_000)
