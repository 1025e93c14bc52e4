"""The fuzz targets of the C that reads what comes from outside, and how to run them.

python tests/fuzz/fuzz_targets.py [--executions N] [--seed S] [--corpus DIR] [TARGET ...]

With clang (clang-19 ... clang on PATH) they are libFuzzer's, under its address and undefined-behaviour sanitizers; new
inputs are kept in DIR/TARGET. Without it, the committed corpus is changed blindly by replay_main.c, under the sanitizers
that gcc or zig have.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tinyclap_edge.device.toolchain import find_zig
from tinyclap_edge.resources import firmware_dir

HERE = Path(__file__).parent
CORPUS = HERE / "corpus"
INCLUDES = tuple(f"-I{firmware_dir() / name}" for name in ("protocol", "labels", "app", "ports"))
FLAGS = ("-std=c11", "-O1", "-g", "-fno-sanitize-recover=all")
CLANGS = (*(f"clang-{version}" for version in range(21, 13, -1)), "clang")

SOURCES = {
    "frames": ("protocol/tce_frame.c", "protocol/tce_cobs.c", "protocol/tce_crc32.c"),
    "pack": ("labels/tce_labels.c", "protocol/tce_crc32.c"),
    "slots": ("labels/tce_label_slots.c", "labels/tce_labels.c", "protocol/tce_crc32.c"),
    "text": ("app/tce_mlperf.c", "app/tce_text.c"),
    "commands": (
        "app/tce_commands.c",
        "labels/tce_label_slots.c",
        "labels/tce_labels.c",
        "protocol/tce_link.c",
        "protocol/tce_frame.c",
        "protocol/tce_cobs.c",
        "protocol/tce_crc32.c",
    ),
}


@dataclass(frozen=True)
class Compiler:
    """A command that compiles with sanitizers. libfuzzer: it brings its own main."""

    command: tuple[str, ...]
    sanitizers: str
    libfuzzer: bool


def sanitizing_compiler(libfuzzer: bool) -> Compiler | None:
    """clang where libFuzzer is wanted; otherwise gcc, or zig, which has the undefined-behaviour sanitizer alone."""
    if libfuzzer:
        clang = next((path for name in CLANGS if (path := shutil.which(name))), None)
        return Compiler((clang,), "fuzzer,address,undefined", True) if clang else None
    gcc = shutil.which("gcc")
    if gcc:
        return Compiler((gcc,), "address,undefined", False)
    zig = find_zig()
    return Compiler((*zig, "cc"), "undefined", False) if zig else None


def build(target: str, out: Path, compiler: Compiler) -> Path:
    """Compile one target."""
    sources = [HERE / f"fuzz_{target}.c", *(firmware_dir() / name for name in SOURCES[target])]
    if not compiler.libfuzzer:
        sources.append(HERE / "replay_main.c")
    sanitize = f"-fsanitize={compiler.sanitizers}"
    command = [*compiler.command, *FLAGS, sanitize, *INCLUDES, *map(str, sources), "-o", str(out)]
    subprocess.run(command, check=True)
    return out


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


def main() -> int:
    """See the head of the module."""
    parser = argparse.ArgumentParser(description="Fuzz the C that reads what comes from outside.")
    parser.add_argument("targets", nargs="*", help=f"of {', '.join(SOURCES)}; by default all")
    parser.add_argument("--executions", type=int, default=1_000_000, help="of each target")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--corpus", type=Path, default=Path("out/fuzz"), help="where libFuzzer keeps new inputs")
    options = parser.parse_args()
    compiler = sanitizing_compiler(True) or sanitizing_compiler(False)
    if compiler is None:
        print("no compiler with sanitizers: apt-get install clang", file=sys.stderr)
        return 3
    with tempfile.TemporaryDirectory() as work:
        for target in options.targets or SOURCES:
            program = build(target, Path(work) / target, compiler)
            print(f"{target}: {options.executions:,} executions ({' '.join(compiler.command)})", flush=True)
            if compiler.libfuzzer:
                found = options.corpus / target
                found.mkdir(parents=True, exist_ok=True)
                runs = [f"-runs={options.executions}", f"-seed={options.seed}", "-max_len=8192", "-print_final_stats=1"]
                done = subprocess.run([str(program), *runs, str(found), str(CORPUS / target)], check=False)
                if done.returncode != 0:
                    return 1
            else:
                replay(program, target, options.executions, options.seed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
