"""The fuzz targets: which C reads what comes from outside, the harness of each, and how they are compiled.

A harness is tests/fuzz/fuzz_NAME.c; its committed inputs are tests/fuzz/corpus/NAME. With clang it is libFuzzer's, under
the address and undefined-behaviour sanitizers. Without clang, tests/fuzz/replay_main.c is its main, under the sanitizers
that gcc or zig have.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks.store import ROOT
from tinyclap_edge.device.toolchain import find_zig
from tinyclap_edge.errors import ToolMissing
from tinyclap_edge.resources import firmware_dir

HARNESSES = ROOT / "tests" / "fuzz"
CORPUS = HARNESSES / "corpus"
FOLDERS = tuple(firmware_dir() / name for name in ("protocol", "labels", "app", "ports", "frontend", "gate"))
INCLUDES = tuple(f"-I{folder}" for folder in (HARNESSES / "small_frontend", *FOLDERS))
FLAGS = ("-std=c11", "-g", "-fno-sanitize-recover=all")
# Measured on one core: guarding returns on the heap and reporting every comparison to the fuzzer each doubled an
# execution's time. Comparisons are reported in the deep runs only.
CLANG_FLAGS = ("-O2", "-fsanitize-address-use-after-return=never")
NO_COMPARISONS = "-fno-sanitize-coverage=trace-cmp"
CLANGS = (*(f"clang-{version}" for version in range(21, 13, -1)), "clang")
INSTALL = "apt-get install clang-19"


@dataclass(frozen=True)
class Target:
    """One harness. sources: the firmware's files under test; max_len: bytes of an input in the many quick runs; deep_len:
    in the few deep ones, which reach the format's largest sizes."""

    name: str
    title: str
    sources: tuple[str, ...]
    max_len: int
    deep_len: int


_FRAMES = ("protocol/tce_frame.c", "protocol/tce_cobs.c", "protocol/tce_crc32.c")
_PACK = ("labels/tce_labels.c", "protocol/tce_crc32.c")
_TEXT = ("app/tce_mlperf.c", "app/tce_text.c")
_SLOTS = ("labels/tce_label_slots.c", *_PACK)

TARGETS = {
    target.name: target
    for target in (
        Target("frames", "frame decoder", _FRAMES, 96, 1200),
        Target("pack", "label pack parser", _PACK, 200, 8192),
        Target(
            "commands",
            "command layer: the application with its link, every command, label slots",
            (
                *(f"app/tce_app{part}.c" for part in ("", "_link", "_start", "_encoder")),
                *(f"app/tce_{name}.c" for name in ("commands", "monitor", "capture", "events", "health", "replay")),
                *_TEXT,
                "frontend/tce_logmel_quantize.c",
                "protocol/tce_link.c",
                *_FRAMES[:2],
                *_SLOTS,
            ),
            112,
            2048,
        ),
        Target("slots", "label slots of a flash", _SLOTS, 2048, 2048),
        Target("text", "MLPerf Tiny's text", _TEXT, 400, 4096),
    )
}


@dataclass(frozen=True)
class Compiler:
    """A command that compiles with sanitizers. libfuzzer: it brings its own main."""

    command: tuple[str, ...]
    sanitizers: str
    libfuzzer: bool


def fuzzing_compiler() -> Compiler:
    """clang, which has libFuzzer. ToolMissing without it."""
    clang = next((path for name in CLANGS if (path := shutil.which(name))), None)
    if clang is None:
        raise ToolMissing("the fuzz targets need clang, which is not installed", INSTALL)
    return Compiler((clang,), "fuzzer,address,undefined", True)


def replaying_compiler() -> Compiler | None:
    """gcc, or zig, which has the undefined-behaviour sanitizer alone; None without either."""
    gcc = shutil.which("gcc")
    if gcc:
        return Compiler((gcc,), "address,undefined", False)
    zig = find_zig()
    return Compiler((*zig, "cc"), "undefined", False) if zig else None


def build(target: str, out: Path, compiler: Compiler, comparisons: bool = True) -> Path:
    """Compile one target. comparisons: libFuzzer sees the operands of every comparison."""
    sources = [HARNESSES / f"fuzz_{target}.c", *(firmware_dir() / name for name in TARGETS[target].sources)]
    flags = [*FLAGS, *(CLANG_FLAGS if compiler.libfuzzer else ("-O1",)), f"-fsanitize={compiler.sanitizers}"]
    if not compiler.libfuzzer:
        sources.append(HARNESSES / "replay_main.c")
    elif not comparisons:
        flags.append(NO_COMPARISONS)
    subprocess.run([*compiler.command, *flags, *INCLUDES, *map(str, sources), "-o", str(out)], check=True)
    return out


def files_under_test(target: str, compiler: Compiler) -> list[Path]:
    """The firmware's files, headers included, that a target is compiled from."""
    command = [*compiler.command, "-MM", *INCLUDES, str(HARNESSES / f"fuzz_{target}.c")]
    command += [str(firmware_dir() / name) for name in TARGETS[target].sources]
    rules = subprocess.run(command, check=True, capture_output=True, text=True).stdout.replace("\\\n", " ")
    named = {Path(word).resolve() for word in rules.split() if not word.endswith(":")}
    return sorted(path for path in named if path.is_relative_to(firmware_dir().resolve()))


def sources_sha256(files: list[Path]) -> str:
    """One hash of files: their names under firmware/ and their bytes."""
    seal = hashlib.sha256()
    for path in files:
        seal.update(path.relative_to(firmware_dir().resolve()).as_posix().encode() + b"\0" + path.read_bytes())
    return seal.hexdigest()


def corpus(target: str) -> list[Path]:
    """The committed inputs of a target."""
    return sorted((CORPUS / target).iterdir())


def replay(program: Path, target: str, mutations: int = 0, seed: int = 1) -> int:
    """Run a program that replay_main.c is the main of; the number of executions."""
    command = [str(program), f"-mutate={mutations}", f"-seed={seed}", *map(str, corpus(target))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{target}, seed {seed}: {done.stderr[-2000:]}")
    return int(done.stdout)
