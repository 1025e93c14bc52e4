"""The decimator of PDM microphones, compiled for this PC: NumPy's samples, a filter's response, a tone that stays a tone."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path

import numpy as np
import pytest
from pdm_reference import CHUNK, cic_kernel, decimate, snr_db, taps

from tinyclap_edge.device.emulator.pdm import Modulator
from tinyclap_edge.device.toolchain import find_host_cc
from tinyclap_edge.resources import firmware_dir

FLAGS = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror", "-shared", "-fPIC"]
BYTES, HALF_WORDS = 0, 1


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    compiler, ports = find_host_cc(), firmware_dir() / "ports"
    assert compiler, "a compiler for this PC is part of the test environment (cc, gcc, clang or ziglang)"
    out = tmp_path_factory.mktemp("pdm") / "pdm.so"
    sources = [str(Path(__file__).with_name("pdm_probe.c")), str(ports / "pdm" / "tce_pdm.c")]
    subprocess.run([*compiler, *FLAGS, f"-I{ports}", f"-I{ports / 'pdm'}", *sources, "-o", str(out)], check=True)
    return ctypes.CDLL(str(out))


def run(library: ctypes.CDLL, bits: np.ndarray, order: int = BYTES, half: int = 160) -> np.ndarray:
    packed = np.packbits(bits)
    if order == HALF_WORDS:
        packed = packed.reshape(-1, 2)[:, ::-1]
    data = packed.tobytes()
    samples = len(bits) // 64
    out = np.full(samples, -1, np.int16)
    library.pdm_probe(data, samples // CHUNK, order, half, out.ctypes.data_as(ctypes.c_void_p))
    return out[: samples // half * half]


def tone(hz: float, seconds: float, amplitude: float) -> np.ndarray:
    return (32768 * amplitude * np.sin(2 * np.pi * hz / 16000 * np.arange(int(16000 * seconds)))).astype(np.int16)


@pytest.mark.parametrize("order", [BYTES, HALF_WORDS])
@pytest.mark.parametrize("half", [32, 160, 100, 17])
def test_any_bits_give_the_samples_of_the_reference(library: ctypes.CDLL, order: int, half: int) -> None:
    bits = np.random.default_rng(half).integers(0, 2, 64 * 640).astype(np.uint8)
    bits[64 * 100 : 64 * 164] = 1  # full scale, so that the samples saturate
    bits[64 * 300 : 64 * 364] = 0
    wanted = decimate(bits)
    assert wanted.max() == 32767 and wanted.min() == -32768
    assert np.array_equal(run(library, bits, order, half), wanted[: len(wanted) // half * half])


def test_a_microphone_that_says_only_ones_never_overflows(library: ctypes.CDLL) -> None:
    bits = np.ones(64 * 3200, np.uint8)  # long enough for the sums to wrap many times
    heard = run(library, bits)
    assert np.array_equal(heard, decimate(bits)) and set(heard[100:]) == {32767}


def response_db(hz: np.ndarray) -> np.ndarray:
    """Of sums and filter together, 0 at DC's unit gain."""
    sums = np.exp(-2j * np.pi * np.outer(hz / 1_024_000, np.arange(61))) @ cic_kernel() / 65536
    rows = np.exp(-2j * np.pi * np.outer(hz / 64_000, np.arange(64))) @ taps() / 16384
    return np.asarray(20 * np.log10(np.abs(sums * rows) + 1e-12))


def test_the_response_is_what_the_header_says() -> None:
    assert np.abs(response_db(np.arange(0, 6501, 10.0))).max() < 0.31
    assert abs(response_db(np.array([7000.0]))[0] + 1.9) < 0.05
    assert response_db(np.arange(9500, 512_000, 50.0)).max() < -62.5


@pytest.mark.parametrize("hz", [437.5, 1000.0, 3000.0, 6000.0])
def test_a_tone_comes_out_of_its_bits_with_its_height_and_70_db_above_the_rest(hz: float) -> None:
    heard = decimate(Modulator().bits(tone(hz, 0.3, 0.5)))[320:]
    assert snr_db(heard, hz) > 70
    assert abs(20 * np.log10(np.std(heard) * np.sqrt(2) / 16384)) < 0.5


def test_silence_stays_within_a_few_steps_of_zero() -> None:
    heard = decimate(Modulator().bits(np.zeros(3200, np.int16)))[200:]
    assert np.abs(heard.astype(int)).max() <= 8


def test_the_modulator_gives_the_same_bits_however_the_sound_is_cut() -> None:
    sound = tone(700.0, 0.05, 0.8)
    whole, parts = Modulator().bits(sound), Modulator()
    assert np.array_equal(whole, np.concatenate([parts.bits(sound[at : at + 37]) for at in range(0, len(sound), 37)]))
