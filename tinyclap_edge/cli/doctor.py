"""`doctor`: what is installed, what is missing, and the line that brings it."""

from __future__ import annotations

from typing import Any

from tinyclap_edge.cli.output import result, table, verb

SHOWN = {"ok": "ok", "absent": "absent", "broken": "BROKEN"}


@verb("doctor")
def command() -> dict[str, Any]:
    """Check packages, compilers, emulators and models; say what each unlocks and how to get it."""
    from tinyclap_edge.device.checkup import checkup

    checks = checkup()
    rows = [[SHOWN[c.state], c.what, c.found, c.unlocks, c.install if c.state != "ok" else ""] for c in checks]
    table("", ["", "what", "found", "for", "install"], rows)
    broken = [c for c in checks if c.needed and c.state != "ok"]
    if broken:
        result(f"{len(broken)} of what every command needs is missing: {', '.join(c.what for c in broken)}")
        from tinyclap_edge.errors import ToolMissing

        raise ToolMissing(f"{broken[0].what} is missing", broken[0].install)
    here = {c.what for c in checks if c.state == "ok"}
    for what, any_of, line in (
        ("build firmware", {"zig", "arm-none-eabi-gcc"}, "pip install 'tinyclap-edge[zig]'"),
        ("emulate boards", {"unicorn", "qemu-system-arm"}, "pip install 'tinyclap-edge[emu]'"),
    ):
        result(f"can {what}" if here & any_of else f"cannot {what}: {line}")
    return {"checks": [c.to_dict() for c in checks]}
