"""The C reader under AddressSanitizer and UndefinedBehaviorSanitizer."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tinyclap_edge.resources import firmware_dir

SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g", "-O1", "-std=c11"]


def test_no_damaged_pack_makes_the_c_reader_stray(make_pack, tmp_path: Path):
    gcc = shutil.which("gcc") or shutil.which("clang")
    if not gcc:
        pytest.skip("the sanitizers come with gcc or clang")
    labels, pack = firmware_dir() / "labels", tmp_path / "labels.tlp"
    program = tmp_path / "replay"
    sources = [str(labels / "tce_labels.c"), str(Path(__file__).with_name("replay.c"))]
    subprocess.run([gcc, *SANITIZERS, "-I", str(labels), *sources, "-o", str(program)], check=True)
    pack.write_bytes(make_pack(5, 11, background=3).to_bytes())
    done = subprocess.run([str(program), str(pack)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    whole, plain, sealed = map(int, done.stdout.split())
    assert (whole, plain) == (1, 0)
    assert sealed > 100  # a flipped id, threshold or letter behind a right checksum is another valid pack
