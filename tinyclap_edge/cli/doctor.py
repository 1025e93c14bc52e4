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
    result("what export, build and emulation need is here")
    return {"checks": [c.to_dict() for c in checks]}
