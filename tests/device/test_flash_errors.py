"""What flashing tools print when they fail becomes one sentence with its cure.

The outputs marked "recorded" were printed by openocd 0.12.0, st-flash 1.7.0, pyocd 0.46 and esptool 5.6 on a PC without a board; the
others are written after the tools' sources and manuals.
"""

from __future__ import annotations

import pytest

from tinyclap_edge.device.flash_errors import RETRY, SAYINGS, explain
from tinyclap_edge.errors import CorruptFile, DeviceError, DoesNotFit, ToolMissing

OPENOCD = """Open On-Chip Debugger 0.12.0
Licensed under GNU GPL v2
For bug reports, read
\thttp://openocd.org/doc/doxygen/bugs.html
Info : auto-selecting first available session transport "hla_swd". To override use 'transport select <transport>'.
Info : clock speed 2000 kHz
{}
** OpenOCD init failed **
shutdown command invoked
"""
ESPTOOL = """esptool v5.6.0
Serial port /dev/ttyUSB7:
{}
"""

CASES = {
    "openocd without a probe (recorded)": (
        "openocd", OPENOCD.format("Error: open failed\nin procedure 'program'"), DeviceError,
        "openocd finds no debug probe", "a cable that carries data",
    ),
    "openocd without a CMSIS-DAP probe (recorded)": (
        "openocd", OPENOCD.format("Error: unable to find a matching CMSIS-DAP device"), DeviceError,
        "openocd finds no debug probe", "boards ports",
    ),
    "st-flash without a probe (recorded)": (
        "stlink", "st-flash 1.7.0\n2026-11-21T18:40:24 WARN usb.c: Couldn't find any ST-Link devices\n", DeviceError,
        "stlink finds no debug probe", "cable",
    ),
    "pyocd without a probe (recorded)": (
        "pyocd", "No connected debug probes\n0002430 E No target device available [load_cmd]\n", DeviceError,
        "pyocd finds no debug probe", "cable",
    ),
    "esptool without its port (recorded)": (
        "esptool", ESPTOOL.format(
            "\nERROR: A fatal error occurred: Could not open /dev/ttyUSB7, the port is busy or doesn't exist.\n"
            "([Errno 2] could not open port /dev/ttyUSB7: [Errno 2] No such file or directory: '/dev/ttyUSB7')\n\n"
            "Hint: Check if the port is correct and ESP connected\n"),
        DeviceError, "/dev/ttyUSB7 is busy or gone", "look at the cable",
    ),
    "esptool, and the chip is silent (recorded)": (
        "esptool", ESPTOOL.format(
            "Connecting...................................\nERROR: A fatal error occurred: Failed to connect to ESP32-C3: "
            "No serial data received.\nFor troubleshooting steps visit: https://docs.example\n"),
        DeviceError, "the chip on /dev/ttyUSB7 does not answer its boot loader", "hold BOOT",
    ),
    "esptool without permission": (
        "esptool", ESPTOOL.format(
            "A fatal error occurred: Could not open /dev/ttyUSB7, the port is busy or doesn't exist.\n"
            "([Errno 13] could not open port /dev/ttyUSB7: [Errno 13] Permission denied: '/dev/ttyUSB7')"),
        DeviceError, "no permission to open /dev/ttyUSB7", "dialout",
    ),
    "esptool on a port that is in use": (
        "esptool", ESPTOOL.format(
            "A fatal error occurred: Could not open /dev/ttyUSB7, the port is busy or doesn't exist.\n"
            "([Errno 11] Could not exclusively lock port /dev/ttyUSB7: [Errno 11] Resource temporarily unavailable)"),
        DeviceError, "/dev/ttyUSB7 is in use", "close it",
    ),
    "esptool, and it is another chip": (
        "esptool", ESPTOOL.format("A fatal error occurred: This chip is ESP32-S3, not ESP32-C3. Wrong chip argument?"),
        DeviceError, "the chip on /dev/ttyUSB7 is an ESP32-S3, not a stm32f4", "--board",
    ),
    "esptool, and the chip holds something else": (
        "esptool", ESPTOOL.format("A fatal error occurred: MD5 of file does not match data in flash!"), DeviceError,
        "what esptool read back is not what it wrote", "lower speed",
    ),
    "an image of unknown size": (
        "stlink", "2026 ERROR common.c: Unable to write: the binary file exceeds the flash size", DoesNotFit,
        "larger than stm32f4's flash", "fit --board",
    ),
    "openocd on a chip with another debug port": (
        "openocd", OPENOCD.format("Warn : JTAG tap: UNEXPECTED idcode: 0x2ba01477"), DeviceError, "its debug port says 0x2ba01477",
        "--board",
    ),
    "openocd on a chip of another family": (
        "openocd", OPENOCD.format("Error: Cannot identify target as a STM32H7xx family."), DeviceError, "STM32H7xx", "--board",
    ),
    "st-flash on a chip that it does not know": (
        "stlink", "2026 WARN common.c: unknown chip id! 0x482\nFailed to connect to target\n", DeviceError, "does not know the chip",
        "--board",
    ),
    "an esptool of before version 5": (
        "esptool", "esptool: error: argument operation: invalid choice: 'write-flash' (choose from 'load_ram')", ToolMissing,
        "too old", "pip install",
    ),
    "openocd, and it is another chip": (
        "openocd", OPENOCD.format(
            "Warn : UNEXPECTED idcode: 0x2ba01477\nError: expected 1 of 1: 0x1ba01477\nError: init mode failed (unable to connect to the target)"),
        DeviceError, "another id than 0x1ba01477", "--board",
    ),
    "openocd, and no chip answers": (
        "openocd", OPENOCD.format("Info : STLINK V2J37M26\nInfo : Target voltage: 3.24\nError: init mode failed (unable to connect to the target)"),
        DeviceError, "no chip answers behind it", "reset button",
    ),
    "openocd, and the SWD wires are loose": (
        "openocd", OPENOCD.format("Error: Error connecting DP: cannot read IDR"), DeviceError, "no chip answers", "SWD wires",
    ),
    "openocd without permission": (
        "openocd", OPENOCD.format("Error: libusb_open() failed with LIBUSB_ERROR_ACCESS\nError: open failed"), DeviceError,
        "no permission for the debug probe", "udev",
    ),
    "openocd, and another debugger has the probe": (
        "openocd", OPENOCD.format("Error: libusb_claim_interface() failed with LIBUSB_ERROR_BUSY\nError: open failed"),
        DeviceError, "in use by another program", "end the other debugger",
    ),
    "openocd that is too old": (
        "openocd", "embedded:startup.tcl:26: Error: Can't find target/stm32u5x.cfg\n", ToolMissing, "no target/stm32u5x.cfg",
        "openocd 0.12",
    ),
    "openocd, and verifying fails": (
        "openocd", "** Programming Finished **\n** Verify Started **\nError: checksum mismatch - attempting binary compare\n** Verify Failed **\n",
        DeviceError, "not what the chip's flash holds", "flash it again",
    ),
    "openocd, and the flash is protected": (
        "openocd", "Error: stm32x device protected\nError: failed erasing sectors 0 to 3\n** Programming Failed **\n", DeviceError,
        "protected", "unlock it",
    ),
    "an image outside of the flash": (
        "openocd", "** Programming Started **\nError: no flash bank found for address 0x08200000\n** Programming Failed **\n",
        DeviceError, "outside of the chip's flash", "--board",
    ),
    "an image that is too large": (
        "pyocd", "0001 C The image is 4,096 bytes larger than the flash [flash]", DoesNotFit, "4,096 bytes too large for stm32f4",
        "fit --board stm32f4",
    ),
    "pyocd with several probes": (
        "pyocd", "  #   Probe/Board   Unique ID   Target\n0001 C More than one debug probe is connected", DeviceError,
        "several debug probes", "probe_id",
    ),
    "pyocd that lacks the chip": (
        "pyocd", "0000504 C Target type stm32f405rg not recognized. Use 'pyocd list --targets'", ToolMissing, "does not know the chip",
        "--tool openocd",
    ),
    "a UF2 drive that has gone": (
        "uf2", "uf2: /media/me/RPI-RP2 is no UF2 drive: it holds no INFO_UF2.TXT", DeviceError, "/media/me/RPI-RP2 is no UF2 drive",
        "BOOTSEL",
    ),
    "a UF2 drive that is full": (
        "uf2", "uf2: cannot write to /media/me/RPI-RP2: No space left on device", DeviceError,
        "does not take the image (No space left on device)", "BOOTSEL",
    ),
    "PlatformIO without a network": (
        "PlatformIO", "Platform Manager: Installing espressif32\nHTTPClientError: \n", ToolMissing, "cannot fetch", "network once",
    ),
    "a Python package that is missing": (
        "esptool", "/usr/bin/python3: No module named esptool", ToolMissing, "package esptool is missing", "pip install esptool",
    ),
    "a program that is missing": (
        "openocd", "sh: 1: openocd: not found", ToolMissing, "openocd is not installed", "doctor",
    ),
    "a damaged image": (
        "pyocd", "0001 C Magic number does not match: not a valid ELF [load_cmd]", CorruptFile, "damaged", "build it again",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_tools_words_become_a_fact_and_a_cure(case: str) -> None:
    tool, output, kind, fact, hint = CASES[case]
    error = explain(output, tool, "stm32f4", "/dev/ttyUSB7")
    assert type(error) is kind, error.fact
    assert fact in error.fact and hint in error.hint, (error.fact, error.hint)
    assert "{" not in error.fact + error.hint and "\n" not in error.fact + error.hint


def test_every_saying_is_met_by_a_case() -> None:
    met = {next(s for s in SAYINGS if s.pattern.search(output)) for _, output, *_ in CASES.values()}
    assert [s.pattern.pattern for s in SAYINGS if s not in met] == []


def test_words_that_nothing_knows_are_shown() -> None:
    error = explain("Erasing...\nfatal: the moon is in the way\n=====\n*** [upload] Error 3\n", "openocd", "rp2040")
    assert error.fact == "openocd could not flash rp2040: fatal: the moon is in the way"
    assert explain("", "openocd", "rp2040").fact.endswith("it said nothing")


def test_only_a_chip_that_does_not_answer_is_tried_again() -> None:
    assert RETRY.search(CASES["esptool, and the chip is silent (recorded)"][1])
    assert not RETRY.search(CASES["esptool, and it is another chip"][1])
    assert not RETRY.search(CASES["esptool without its port (recorded)"][1])
