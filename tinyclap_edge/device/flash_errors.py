"""What flashing tools say when they fail, recognised: one sentence of fact and the cure, in place of their pages of text.

A tool's own words are matched against SAYINGS in order, the particular before the general. What nothing matches is shown
as the tool's last line of error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tinyclap_edge.errors import CorruptFile, DeviceError, DoesNotFit, TinyclapError, ToolMissing

DIALOUT = "sudo usermod -aG dialout $USER, then log in again"
_UDEV = "sudo cp the rules file of {tool} to /etc/udev/rules.d/, then `sudo udevadm control --reload && sudo udevadm trigger`"
_CABLE = "plug in the board's debug port with a cable that carries data, then `tinyclap-edge boards ports`"
_WIRES = "check power and the SWD wires, hold the reset button while it connects, and try again"
_HOLD_BOOT = "hold BOOT, press EN (or RST), release BOOT, then flash again"


@dataclass(frozen=True)
class Saying:
    """A pattern in a tool's output, and what it means. `fact` and `hint` may use the pattern's groups by name, {tool},
    {board} and {port}."""

    pattern: re.Pattern[str]
    fact: str
    hint: str
    error: type[TinyclapError] = DeviceError


def _saying(pattern: str, fact: str, hint: str, error: type[TinyclapError] = DeviceError) -> Saying:
    return Saying(re.compile(pattern, re.IGNORECASE | re.MULTILINE), fact, hint, error)


SAYINGS = (
    # esptool
    _saying(r"This chip is (?P<found>ESP[\w-]+)[, ]*(?:not|Wrong --chip)", "the chip on {port} is an {found}, not a {board}",
            "choose the board that is plugged in: --board"),
    _saying(r"Failed to connect to (?:ESP|Espressif)|Timed out waiting for packet|No serial data received",
            "the chip on {port} does not answer its boot loader", _HOLD_BOOT),
    _saying(r"could not open .{0,80}Errno 13", "no permission to open {port}", DIALOUT),
    _saying(r"Could not (?:exclusively lock|open) .{0,80}(?:Errno (?:11|16)|resource temporarily|busy\b(?! or))",
            "{port} is in use by another program", "close it (a monitor?), then try again"),
    _saying(r"Could not open .{0,80}busy or doesn't exist", "{port} is busy or gone",
            "close what has it open, and look at the cable: `tinyclap-edge boards ports`"),
    _saying(r"(?:invalid choice|No such command):? '?write-flash", "this esptool is too old", "pip install 'tinyclap-edge[esp]'",
            ToolMissing),
    _saying(r"MD5 of file does not match|Hash of data (?:not )?verified\b.{0,10}fail", "what {tool} read back is not what it wrote",
            "flash it again, at a lower speed or by a shorter cable; if it stays, the chip's flash is worn out"),
    # size, whoever says it
    _saying(r"(?P<bytes>[\d,]+) bytes? (?:too large|larger than)", "the image is {bytes} bytes too large for {board}",
            "choose a smaller student: `tinyclap-edge fit --board {board}`", DoesNotFit),
    _saying(r"(?:image|program|file|binary|size|section) .{0,60}(?:exceeds|too (?:large|big)|larger than|does ?n.t fit).{0,40}",
            "the image is larger than {board}'s flash", "choose a smaller student: `tinyclap-edge fit --board {board}`",
            DoesNotFit),
    _saying(r"no flash bank found|not enough space|outside (?:of )?(?:a )?flash",
            "the image lies outside of the chip's flash: is it a {board}?", "choose the board that is plugged in: --board"),
    # permission of USB, before "not found": libusb says both
    _saying(r"LIBUSB_ERROR_ACCESS|Access denied \(insufficient permissions\)|insufficient permissions",
            "no permission for the debug probe", _UDEV),
    _saying(r"LIBUSB_ERROR_BUSY|probe .{0,40}(?:in use|already open)|couldn.t claim",
            "the debug probe is in use by another program", "end the other debugger (openocd, pyocd, an IDE), then try again"),
    # a chip that is another one
    _saying(r"expected 1 of 1: (?P<wanted>0x[0-9a-f]+)", "the chip is no {board}: its debug port has another id than {wanted}",
            "choose the board that is plugged in: --board"),
    _saying(r"UNEXPECTED idcode: (?P<found>0x[0-9a-f]+)", "the chip is no {board}: its debug port says {found}",
            "choose the board that is plugged in: --board"),
    _saying(r"Cannot identify target as an? (?P<wanted>\w+)", "the chip is no {wanted} family, as {board} is",
            "choose the board that is plugged in: --board"),
    _saying(r"unknown chip id", "{tool} does not know the chip: is it a {board}?", "choose the board that is plugged in: --board"),
    # no probe, several probes
    _saying(r"Error: open failed|unable to find a matching CMSIS-DAP|No J-Link device found|Couldn't find any ST-Link|"
            r"No connected debug probes|no device found|No DFU capable|couldn.t find .{0,20}probe",
            "{tool} finds no debug probe", _CABLE),
    _saying(r"multiple (?:probes|devices|st-links?)|more than one .{0,20}(?:probe|device|st-link)",
            "several debug probes are connected", "name one in a hardware map (`probe_id`), or unplug the others"),
    # a probe, but no chip behind it
    _saying(r"init mode failed|unable to connect to the target|target not (?:connected|examined)|Error connecting DP|"
            r"No ACK received|cannot read IDR|Failed to (?:enter SWD mode|connect to target)|target voltage .{0,20}too low|"
            r"No target (?:device )?(?:available|voltage)",
            "the debug probe is there, but no chip answers behind it", _WIRES),
    _saying(r"(?:write|read)[ -]?protect|flash .{0,20}locked|RDP|device .{0,20}(?:is )?(?:protected|locked)|APPROTECT",
            "the chip's flash is protected", "unlock it with the vendor's tool: that erases it"),
    _saying(r"target type .{0,60}not (?:recogni[sz]ed|supported)|Target type .{0,40}unknown",
            "this {tool} does not know the chip of {board}", "flash it with another tool: --tool openocd", ToolMissing),
    _saying(r"Can't find (?P<file>(?:interface|target|board)/[\w/-]+\.cfg)", "this openocd has no {file}: it is too old for {board}",
            "install openocd 0.12 or later", ToolMissing),
    _saying(r"verify failed|checksum mismatch|\*\* Verify Failed \*\*|Flash programming failed|error writing to flash|timed out while (?:erasing|programming)",
            "what was written is not what the chip's flash holds", "flash it again; if it stays, the power supply or the flash is bad"),
    # UF2
    _saying(r"uf2: (?P<drive>.+) is no UF2 drive", "{drive} is no UF2 drive (any more)", "hold BOOTSEL while you plug the board in"),
    _saying(r"uf2: cannot write to (?P<drive>.+): (?P<why>.+)", "the drive {drive} does not take the image ({why})",
            "unplug the board, hold BOOTSEL, plug it in again"),
    # PlatformIO
    _saying(r"HTTPClientError|No internet|InternetConnectionError|Max retries exceeded|UnknownPackageError|Could not (?:install|find) .{0,60}package",
            "PlatformIO cannot fetch what {board} needs from its registry", "connect to a network once: `pio pkg install -d FIRMWARE`",
            ToolMissing),
    _saying(r"No module named '?(?P<module>[\w.]+)", "the Python package {module} is missing", "pip install {module}", ToolMissing),
    _saying(r"(?:^|\s)(?P<program>[\w.-]+): (?:command )?not found$", "{program} is not installed", "`tinyclap-edge doctor` tells what to install",
            ToolMissing),
    _saying(r"not a valid ELF|Invalid head of|unrecognized file|Not an ELF", "{tool} does not take the image: it is damaged",
            "build it again: `tinyclap-edge flash` with a fresh export", CorruptFile),
)  # fmt: skip

_NOISE = re.compile(r"^(=+|-+|\*{3} |\[(FAILED|SUCCESS)|shutdown command|Environment |Hint: ?$|For troubleshooting)")
RETRY = re.compile(
    r"Timed out waiting|Failed to connect|No serial data|Invalid head of packet|checksum error", re.IGNORECASE
)


def explain(output: str, tool: str, board: str, port: str = "") -> TinyclapError:
    """The error that a tool's output means. output: what it printed before it ended with a failure."""
    where = {"tool": tool, "board": board, "port": port or "the board's port"}
    for saying in SAYINGS:
        match = saying.pattern.search(output)
        if match:
            words = {**where, **{name: value.strip(" '\"") for name, value in match.groupdict().items() if value}}
            return saying.error(saying.fact.format(**words), saying.hint.format(**words))
    return DeviceError(
        f"{tool} could not flash {board}: {_last_words(output)}", "`--verbose` shows all that it said"
    )  # fmt: skip


def _last_words(output: str) -> str:
    """The last line that speaks of an error, else the last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip() and not _NOISE.match(line.strip())]
    wrong = [line for line in lines if re.search(r"error|fail|fatal|cannot|denied|unable", line, re.IGNORECASE)]
    return (wrong or lines or ["it said nothing"])[-1][:200]
