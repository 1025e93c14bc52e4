"""Tables that come from the code itself: boards, verbs, exit codes, sounds, front-end constants."""

from __future__ import annotations

import inspect
from typing import Any

from benchmarks.markdown import code, number, size, table
from benchmarks.store import Results
from tinyclap_edge import errors
from tinyclap_edge.boards import TIERS, Board, load_boards
from tinyclap_edge.cli.main import VERBS
from tinyclap_edge.frontend.spec import FrontendSpec


def boards(_: Results) -> str:
    """One row a board."""
    rows = [
        [
            code(b.name), b.title, b.core, f"{b.clock_hz // 1_000_000} MHz", size(b.flash.size_bytes), _ram(b),
            _emulators(b), b.tier,
        ]
        for b in load_boards().values()
    ]  # fmt: skip
    head = ["name", "board", "core", "clock", "flash", "RAM by region", "emulated by", "tier"]
    return table(head, rows, right=(3, 4))


def board_regions(_: Results) -> str:
    """Every region of every board."""
    rows = [
        [code(b.name), r.name, r.kind, f"`0x{r.address:08X}`", size(r.size_bytes), ", ".join(r.use) or "left free"]
        for b in load_boards().values()
        for r in b.regions
    ]
    return table(["board", "region", "kind", "address", "size", "holds"], rows, right=(4,))


def board_estimates(_: Results) -> str:
    """The factors behind estimated times and energies."""
    rows = [
        [
            code(b.name), f"{b.time.cycles_per_instruction:g} ({b.time.low:g} to {b.time.high:g})", b.time.source,
            f"{b.power.active_mw_per_mhz:g}" if b.power.volts else "none", b.power.source,
        ]
        for b in load_boards().values()
    ]  # fmt: skip
    head = ["board", "cycles an instruction", "source", "mW/MHz", "source"]
    return table(head, rows, right=(1, 3))


def board_platformio(_: Results) -> str:
    """What PlatformIO's registry calls each board."""
    rows = [
        [code(b.name), code(b.platformio.platform), code(b.platformio.board), b.platformio.framework, b.audio.note]
        for b in load_boards().values()
    ]
    return table(["board", "platform", "PlatformIO's board", "framework", "where sound comes from"], rows)


def tiers(_: Results) -> str:
    """What a tier promises."""
    return table(["tier", "meaning"], [[tier, meaning] for tier, meaning in TIERS.items()])


def verbs(_: Results) -> str:
    """The command line's verbs."""
    return table(["verb", ""], [[code(f"tinyclap-edge {name}"), text] for name, text in VERBS.items()])


def exit_codes(_: Results) -> str:
    """What the exit code of a command says."""
    base = errors.TinyclapError
    family = [c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, base) and c is not base]
    rows = [["0", "done"]]
    for found in sorted(family, key=lambda c: c.exit_code):
        rows.append([str(found.exit_code), (found.__doc__ or "").strip().splitlines()[0]])
    return table(["exit code", "meaning"], [*rows, ["130", "Interrupted."]], right=(0,))


def sounds(_: Results) -> str:
    """How much there is of each sort of sound."""
    from tinyclap_edge.data.sounds import FAMILIES, SECOND
    from tinyclap_edge.data.sounds.composition import KINDS
    from tinyclap_edge.data.sounds.folds import FOLDS

    rows = [
        ["families in ordinary words", number(len(FAMILIES))],
        ["families with a second, independent generator", number(len(SECOND))],
        ["composed kinds without a name", number(KINDS)],
        *([f"families in the fold *{name}*", number(len(names))] for name, names in FOLDS.items()),
    ]
    return table(["", "count"], rows, right=(1,))


def families(_: Results) -> str:
    """Every family by group, with its fold."""
    from tinyclap_edge.data.sounds import FAMILIES, SECOND
    from tinyclap_edge.data.sounds.folds import fold_of

    groups: dict[str, list[Any]] = {}
    for family in FAMILIES.values():
        groups.setdefault(family.group, []).append(family)
    rows = []
    for group in sorted(groups):
        for f in sorted(groups[group], key=lambda f: f.name):
            rows.append([group, f.name, f.acoustics, fold_of(f.name), "yes" if f.name in SECOND else ""])
    return table(["group", "family", "what it is like", "fold", "second generator"], rows)


def bank(_: Results) -> str:
    """Names that need no text tower."""
    from tinyclap_edge.labels.bank import load_bank

    found = load_bank()
    return f"The bank holds {number(len(found.keys))} names."


def frontend_constants(_: Results) -> str:
    """The constants of the default front end."""
    spec = FrontendSpec()
    rows = [[code(key), str(value)] for key, value in spec.to_dict().items()]
    rows += [["window", f"{spec.window_total_samples / spec.sample_rate_hz:.3f} s"], ["id", code(spec.frontend_id)]]
    return table(["constant", "value"], rows, right=(1,))


def _ram(board: Board) -> str:
    return " + ".join(f"{r.name} {size(r.size_bytes)}" for r in board.regions if r.kind == "ram" and r.use)


def _emulators(board: Board) -> str:
    return ", ".join([*(["unicorn"] if board.emulator.unicorn else []), *(["QEMU"] if board.emulator.qemu else [])])


TABLES = {
    "boards": boards,
    "board-regions": board_regions,
    "board-estimates": board_estimates,
    "board-platformio": board_platformio,
    "tiers": tiers,
    "verbs": verbs,
    "exit-codes": exit_codes,
    "sounds": sounds,
    "families": families,
    "bank": bank,
    "frontend-constants": frontend_constants,
}
