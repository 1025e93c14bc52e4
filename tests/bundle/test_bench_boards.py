"""`bench --target serial` of every board of a hardware map at once: files for each, whatever becomes of the others."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from click.testing import CliRunner

from tinyclap_edge.bundle.read import open_bundle
from tinyclap_edge.bundle.run import HostReady, prepare
from tinyclap_edge.cli import bench, output
from tinyclap_edge.device.link_port import open_link
from tinyclap_edge.device.serial_board import HostBoard
from tinyclap_edge.errors import DeviceError, GateFailed, UsageError

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the image nor its instructions: what boards say of themselves."""
    monkeypatch.setattr(output, "_quiet_json", False)
    for name in ("_image", "_counted"):
        monkeypatch.setattr(f"tinyclap_edge.cli.bench_serial.{name}", lambda bundle: None)


@pytest.fixture(scope="module")
def desk(exports, tmp_path_factory: pytest.TempPathFactory):
    """(the export, ports of three boards that run it, a file for their map)."""
    folder, export = tmp_path_factory.mktemp("desk"), exports("stm32f4")
    with open_bundle(export) as bundle:
        ready = prepare(bundle, "host", folder)
        assert isinstance(ready, HostReady) and ready.image is not None
    with ExitStack() as stack:
        ports = []
        for name in ("a", "b", "c"):
            (folder / name).mkdir()
            ports.append(stack.enter_context(HostBoard(ready.image, folder / name, np.zeros(0, np.int16))).port)
        yield export, ports, folder / "map.yaml"


def run(desk: Any, ports: list[str], out: Path, *more: str) -> Any:
    """bench of the boards on `ports`, which the map calls a, b, c."""
    export, _, path = desk
    rows = [
        f"- {{connected: true, id: {name}, platform: stm32f4, serial: {port}}}"
        for name, port in zip("abc", ports, strict=False)
    ]
    path.write_text("\n".join(rows) + "\n")
    arguments = ["--bundle", str(export), "--board", "stm32f4", "--target", "serial", "--hardware-map", str(path)]
    arguments += ["--windows", "1", "--min-seconds", "0"]
    arguments += ["--json-path", str(out / "figures.json"), "--junit-path", str(out / "cases.xml"), "--json", *more]
    return CliRunner().invoke(bench.command, arguments, standalone_mode=False)


def test_three_boards_are_measured_at_once_each_with_files_of_its_own(desk, tmp_path: Path) -> None:
    done = run(desk, desk[1], tmp_path)
    assert done.exception is None, done.exception
    records = json.loads(done.stdout)["data"]["boards"]
    assert [r["id"] for r in records] == ["a", "b", "c"]
    for name in "abc":
        figures = json.loads((tmp_path / f"figures-{name}.json").read_text())["figures"]
        assert "encoder: time (emulated board)" in {figure["name"] for figure in figures}
        cases = ElementTree.parse(tmp_path / f"cases-{name}.xml").getroot()
        assert len(list(cases.iter("testcase"))) >= len(figures) and cases.find(".//failure") is None

    def against(factor: float) -> Any:
        """Compared with figures so many times those of board a: this PC's times are no board's."""
        earlier = json.loads((tmp_path / "figures-a.json").read_text())
        for figure in earlier["figures"]:
            figure["value"] *= factor
        (tmp_path / "earlier.json").write_text(json.dumps(earlier))
        return run(desk, desk[1], tmp_path, "--baseline", str(tmp_path / "earlier.json"), "--fail-above", "2%")

    slower = against(1e6)
    assert slower.exception is None, slower.exception
    failed = against(1e-9)
    assert isinstance(failed.exception, GateFailed) and "regression" in failed.exception.fact
    assert ElementTree.parse(tmp_path / "cases-b.xml").getroot().find(".//failure") is not None


def test_a_board_that_is_gone_does_not_take_the_figures_of_the_others_with_it(desk, tmp_path: Path) -> None:
    done = run(desk, [desk[1][0], "/dev/ttyNOT0", desk[1][2]], tmp_path)
    assert isinstance(done.exception, DeviceError) and done.exception.fact == "there is no port /dev/ttyNOT0"
    assert sorted(p.name for p in tmp_path.glob("figures-*")) == ["figures-a.json", "figures-c.json"]


def test_a_baseline_of_another_model_is_refused_and_the_boards_go_on(desk, tmp_path: Path) -> None:
    done = run(desk, desk[1][:1], tmp_path)
    assert done.exception is None, done.exception
    other = json.loads((tmp_path / "figures.json").read_text())
    other["board"] = "rp2040"
    (tmp_path / "other.json").write_text(json.dumps(other))
    refused = run(desk, desk[1], tmp_path, "--baseline", str(tmp_path / "other.json"))
    assert isinstance(refused.exception, UsageError) and refused.exception.hint
    for port in desk[1]:
        with open_link(port) as link:
            assert link.hello().board == "stm32f4"
