"""The C gives the bytes of the NumPy twin: on this computer, under sanitizers, and on emulated cores."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from frontend.signals import signals

from tinyclap_edge.errors import ToolMissing
from tinyclap_edge.frontend import native
from tinyclap_edge.frontend.fixed import logmel_q8
from tinyclap_edge.frontend.quantize import input_multiplier, quantize_features
from tinyclap_edge.frontend.spec import FrontendSpec
from tinyclap_edge.frontend.tables import emit_c
from tinyclap_edge.resources import firmware_dir

SPECS = {
    "256": FrontendSpec(n_fft=256, window_samples=201, hop_samples=80, mel_bins=40),
    "512": FrontendSpec(),
    "1024": FrontendSpec(n_fft=1024, window_samples=1024, mel_bins=128, floor_db=-120.0),
    "2048": FrontendSpec(sample_rate_hz=48000, n_fft=2048, window_samples=2047, f_max_hz=20000, mel_scale="slaney"),
}
STRICT = ("-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror")


@pytest.fixture(autouse=True, scope="module")
def private_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TINYCLAP_CACHE", str(tmp_path_factory.mktemp("cache")))
        native.shared_library.cache_clear()
        yield
    native.shared_library.cache_clear()


@pytest.mark.parametrize("name", SPECS)
def test_the_compiled_front_end_gives_the_twins_bytes(name: str) -> None:
    spec = SPECS[name]
    library = native.NativeLogMel(spec)
    for what, pcm in signals(spec.sample_rate_hz, spec.window_samples + 30 * spec.hop_samples).items():
        rows = library.frames(pcm)
        assert np.array_equal(rows, logmel_q8(pcm, spec)), what
        assert np.array_equal(library.quantize(rows, 0.0234, -3), quantize_features(rows, 0.0234, -3, spec)), what


def test_random_levels_and_lengths_give_the_twins_bytes() -> None:
    rng, spec = np.random.default_rng(7), SPECS["512"]
    library = native.NativeLogMel(spec)
    for _ in range(60):
        level = 2.0 ** rng.uniform(0, 16)
        pcm = np.clip(rng.normal(0, level, rng.integers(0, 2000)), -32768, 32767).astype(np.int16)
        assert np.array_equal(library.frames(pcm), logmel_q8(pcm, spec))


def test_every_feature_quantises_alike_in_c() -> None:
    every, spec = np.arange(-32768, 32768).astype(np.int16), SPECS["512"]
    library = native.NativeLogMel(spec)
    for scale, zero_point in ((0.0235, -128), (1 / 20, 0), (0.001, 127), (2.0, 5)):
        assert np.array_equal(
            library.quantize(every, scale, zero_point), quantize_features(every, scale, zero_point, spec)
        )


MAIN = """
#include <stdio.h>
#include "tce_logmel.h"
int main(int argc, char **argv)
{
    static tce_logmel ctx;
    FILE *in = fopen(argv[argc - 2], "rb"), *out = fopen(argv[argc - 1], "wb");
    int16_t pcm[TCE_LOGMEL_WINDOW], row[TCE_LOGMEL_MELS];
    while (fread(pcm, sizeof pcm, 1, in) == 1) {
        tce_logmel_frame(&ctx, pcm, row);
        fwrite(row, sizeof row, 1, out);
    }
    fclose(in);
    return fclose(out);
}
"""


@pytest.mark.skipif(not shutil.which("gcc"), reason="gcc is not installed")
@pytest.mark.parametrize("name", ["256", "2048"])  # first pass of radix 2 and of radix 4, windows shorter than the FFT
def test_no_undefined_behaviour_and_no_stray_access(name: str, tmp_path: Path) -> None:
    spec, folder = SPECS[name], firmware_dir() / "frontend"
    emit_c(spec, tmp_path)
    (tmp_path / "main.c").write_text(MAIN)
    sources = [str(p) for p in [*folder.glob("*.c"), *tmp_path.glob("*.c")]]
    flags = [*STRICT, "-O1", "-g", "-fsanitize=undefined,address", "-fno-sanitize-recover=all"]
    program = tmp_path / "program"
    subprocess.run(["gcc", *flags, f"-I{folder}", f"-I{tmp_path}", *sources, "-o", str(program)], check=True)
    window = spec.window_samples
    frames = np.concatenate([x[: len(x) // window * window] for x in signals(16000, 12 * window).values()])
    (tmp_path / "in").write_bytes(frames.tobytes())
    environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
    subprocess.run([str(program), str(tmp_path / "in"), str(tmp_path / "out")], check=True, env=environment)
    got = np.frombuffer((tmp_path / "out").read_bytes(), np.int16).reshape(-1, spec.mel_bins)
    blocks = frames.reshape(-1, window)
    assert np.array_equal(got, np.concatenate([logmel_q8(block, spec) for block in blocks]))


@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4", "cortex-m7", "rv32imc"])
def test_emulated_cores_give_the_twins_bytes(core: str, tmp_path: Path) -> None:
    pytest.importorskip("unicorn")
    pytest.importorskip("ziglang")
    from benchmarks.bare_function import CORES, BareMachine, compile_image

    spec, folder = SPECS["512"], firmware_dir() / "frontend"
    emit_c(spec, tmp_path)
    sources = [*folder.glob("*.c"), tmp_path / "tce_logmel_tables.c"]
    machine = BareMachine(
        compile_image(sources, [folder, tmp_path], CORES[core], tmp_path / "a.elf", "-O2"), CORES[core]
    )
    context, source = machine.place(bytes(4 * spec.n_fft)), machine.place(bytes(2 * spec.window_samples))
    row, quantised = machine.place(bytes(2 * spec.mel_bins)), machine.place(bytes(spec.mel_bins))
    for what, pcm in signals(16000, spec.window_samples).items():
        machine.write(source, pcm.tobytes())
        machine.call("tce_logmel_frame", context, source, row)
        expected = logmel_q8(pcm, spec)[0]
        assert np.array_equal(np.frombuffer(machine.read(row, 2 * spec.mel_bins), np.int16), expected), what
        machine.call("tce_logmel_quantize_row", row, quantised, spec.mel_bins, *input_multiplier(0.0234, spec), -3)
        got = np.frombuffer(machine.read(quantised, spec.mel_bins), np.int8)
        assert np.array_equal(got, quantize_features(expected, 0.0234, -3, spec)), what


def test_without_a_compiler_the_error_names_the_line_that_installs_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ToolMissing) as caught:
        native.host_compiler()
    assert 'pip install "tinyclap-edge[zig]"' in caught.value.hint


@pytest.mark.slow  # zig builds its C library's stubs the first time
def test_zig_alone_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ziglang")
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert native.host_compiler() == (sys.executable, "-m", "ziglang", "cc")
    native.shared_library.cache_clear()
    pcm = signals(16000, 2000)["noise"]
    assert np.array_equal(native.NativeLogMel(SPECS["512"]).frames(pcm), logmel_q8(pcm, SPECS["512"]))
    native.shared_library.cache_clear()
