"""Finding compilers, and the flags that make them see the whole core."""

from __future__ import annotations

import subprocess

import pytest

from tinyclap_edge.boards import find_board
from tinyclap_edge.device import toolchain
from tinyclap_edge.errors import ToolMissing, UsageError

ZIG = pytest.mark.skipif(toolchain.find_zig() is None, reason="zig is not installed")


@ZIG
@pytest.mark.parametrize(
    ("board", "macros"),
    [
        ("stm32h7", {"__ARM_FEATURE_DSP": "1", "__ARM_FP": "0xe", "__ARM_ARCH_7EM__": "1"}),
        ("stm32f4", {"__ARM_FEATURE_DSP": "1", "__ARM_FP": "0x6"}),
        ("stm32u5", {"__ARM_FEATURE_DSP": "1", "__ARM_ARCH_8M_MAIN__": "1"}),
        ("mps3-an547", {"__ARM_FEATURE_MVE": "1", "__ARM_FEATURE_DSP": "1"}),
        ("rp2040", {"__ARM_ARCH_6M__": "1"}),
        ("esp32c3", {"__riscv_mul": "1", "__riscv_compressed": "1", "__riscv_xlen": "32"}),
    ],
)
def test_zig_sees_the_features_of_the_core(board: str, macros: dict[str, str]) -> None:
    tool = toolchain.find_toolchain(find_board(board), "zig")
    command = [*tool.cc, *tool.compile_flags, "-dM", "-E", "-x", "c", "/dev/null"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    defined = dict(line.split(" ", 2)[1:] for line in text.splitlines() if line.count(" ") >= 2)
    assert {name: defined.get(name) for name in macros} == macros


def test_an_xtensa_board_is_refused_with_the_way_to_build_it() -> None:
    with pytest.raises(UsageError, match="xtensa") as caught:
        toolchain.find_toolchain(find_board("esp32s3"))
    assert "espressif32" in caught.value.hint


def test_a_missing_compiler_is_named_with_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolchain, "find_zig", lambda: None)
    monkeypatch.setattr(toolchain.shutil, "which", lambda _: None)
    with pytest.raises(ToolMissing) as caught:
        toolchain.find_toolchain(find_board("stm32h7"))
    assert caught.value.exit_code == 3 and "pip install" in caught.value.hint
    with pytest.raises(ToolMissing) as caught:
        toolchain.find_toolchain(find_board("esp32c3"), "gcc")
    assert caught.value.hint == "apt-get install gcc-riscv64-unknown-elf"


def test_gcc_is_taken_where_only_gcc_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolchain, "find_zig", lambda: None)
    monkeypatch.setattr(toolchain.shutil, "which", lambda name: f"/somewhere/{name}")
    monkeypatch.setattr(toolchain, "tool_version", lambda *_: "gcc 12")
    tool = toolchain.find_toolchain(find_board("stm32f4"))
    assert (tool.name, tool.ar) == ("gcc", ("/somewhere/arm-none-eabi-ar",))


def test_an_unknown_toolchain_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="msvc"):
        toolchain.find_toolchain(find_board("stm32h7"), "msvc")
    monkeypatch.setenv(toolchain.ENVIRONMENT_VARIABLE, "icc")
    with pytest.raises(UsageError, match="icc"):
        toolchain.find_toolchain(find_board("stm32h7"))
