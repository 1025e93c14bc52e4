"""Making PlatformIO work without a network: its package folder inside the project, filled in advance.

PlatformIO asks for two packages before it builds anything: the platform (ours) and `tool-scons`, which it would download.
Both are laid into the project's own folder `toolbox/`; tool-scons is three lines that start SCons from PyPI.
The user's own ~/.platformio is never touched: PlatformIO would take a shim there for the real package.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sys
from pathlib import Path

from tinyclap_edge.errors import ToolMissing
from tinyclap_edge.resources import firmware_dir

PLATFORM_NAME = "tinyclap-bare"
TOOLBOX = "toolbox"
# What PlatformIO 6.1.19 and 6.2.0 ask for, so that a project also builds by hand with another one of them.
KNOWN_SCONS_VERSIONS = ("4.40801.0", "4.41101.0")

_SCONS_PY = '''\
"""Stands in for PlatformIO's package of SCons: starts the SCons of this Python."""

import sys

try:
    from SCons.Script import main
except ImportError:
    sys.exit("error: SCons is not installed beside PlatformIO\\nhint: %s -m pip install scons" % sys.executable)

sys.exit(main())
'''


def scons_version() -> str | None:
    """The version of tool-scons that the installed PlatformIO asks for; None where PlatformIO is not installed."""
    try:
        from platformio.dependencies import get_core_dependencies
    except ImportError:
        return None
    return str(get_core_dependencies()["tool-scons"]).lstrip("~^=")


def core_version() -> str | None:
    """Version of the installed PlatformIO; None where there is none."""
    try:
        from platformio import __version__
    except ImportError:
        return None
    return str(__version__)


def check_installed() -> None:
    """ToolMissing unless PlatformIO and SCons can be started; told here, since PlatformIO would wait a minute and say nothing."""
    for module, package in (("platformio", "platformio"), ("SCons", "scons")):
        if importlib.util.find_spec(module) is None:
            raise ToolMissing(f"{package} is not installed", f"{Path(sys.executable).name} -m pip install {package}")


def fill_toolbox(toolbox: Path) -> None:
    """Writes platform and packages into `toolbox`; what stands there already is replaced."""
    platform = toolbox / "platforms" / PLATFORM_NAME
    if platform.exists():
        shutil.rmtree(platform)
    shutil.copytree(
        firmware_dir() / "platformio" / PLATFORM_NAME, platform, ignore=shutil.ignore_patterns("__pycache__", "*.pyc")
    )
    version = json.loads((platform / "platform.json").read_text(encoding="utf-8"))["version"]
    _manifest(platform, "platform", PLATFORM_NAME, version, None)
    versions = dict.fromkeys([scons_version() or KNOWN_SCONS_VERSIONS[-1], *KNOWN_SCONS_VERSIONS])
    for version in versions:
        package = toolbox / "packages" / f"tool-scons@{version}"
        package.mkdir(parents=True, exist_ok=True)
        (package / "scons.py").write_text(_SCONS_PY, encoding="utf-8")
        description = {"name": "tool-scons", "version": version, "description": "SCons from PyPI", "system": "*"}
        (package / "package.json").write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
        _manifest(package, "tool", "tool-scons", version, "platformio")
    # no telemetry and no look for updates: both are network calls that a build does not need
    settings = {
        "check_platformio_interval": 9999,
        "check_prune_system_threshold": 0,
        "enable_telemetry": False,
    }
    state: dict[str, object] = {"settings": settings}
    if core_version():
        state["last_version"] = core_version()  # else the first run greets a newcomer
    (toolbox / "appstate.json").write_text(json.dumps(state) + "\n", encoding="utf-8")


def platformio_environment() -> dict[str, str]:
    """The environment of a PlatformIO process: its folders come from the project's platformio.ini alone."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PLATFORMIO_")}
    environment.update(
        PLATFORMIO_SETTING_ENABLE_TELEMETRY="no",
        PLATFORMIO_SETTING_CHECK_PLATFORMIO_INTERVAL="9999",
        PLATFORMIO_SETTING_CHECK_PRUNE_SYSTEM_THRESHOLD="0",
        PLATFORMIO_DISABLE_UPGRADE_CHECK="true",
        PLATFORMIO_NO_ANSI="true",
        PYTHONDONTWRITEBYTECODE="1",
    )
    return environment


def _manifest(folder: Path, kind: str, name: str, version: str, owner: str | None) -> None:
    """The file by which PlatformIO recognises an installed package."""
    spec = {"owner": owner, "id": None, "name": name, "requirements": None, "uri": None}
    content = {"type": kind, "name": name, "version": version, "spec": spec}
    (folder / ".piopm").write_text(json.dumps(content) + "\n", encoding="utf-8")
