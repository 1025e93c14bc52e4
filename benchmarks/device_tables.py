"""Tables of what the device side went through: fuzzing, damaged lines, cut power, pushes, an hour of sound, golden vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.fuzz_targets import TARGETS
from benchmarks.markdown import code, number, percent, share, table
from benchmarks.store import Results


def fuzz(results: Results) -> str:
    """One row a target."""
    found = results["fuzz"]["targets"]
    rows = [
        [
            TARGETS[name].title, number(row["executions"]), str(row["findings"]),
            number(round(row["executions"] / row["cpu_seconds"])) if row["cpu_seconds"] else "",
            code(row["sources_sha256"][:16]), row["ended"], f"clang {row['compiler']}",
        ]
        for name, row in found.items()
    ]  # fmt: skip
    head = ["read from outside", "executions (measured)", "findings", "a second of one core", "sources (SHA-256)",
            "last day", "libFuzzer of"]  # fmt: skip
    return table(head, rows, right=(1, 2, 3))


def link_channel(results: Results) -> str:
    """What became of a million frames."""
    found, counts = results["link"], results["link"]["channel"]
    share = found["damage_per_million_bytes"] / 1e6
    rows = [
        ["frames sent, both ways", number(counts["frames"])],
        ["bytes dropped, inserted or with a flipped bit", f"{share:g} of all"],
        ["frames that came damaged", number(counts["damaged_frames"])],
        ["requests, of them sent again", f"{number(counts['requests'])}, {number(counts['repeated'])}"],
        ["requests carried out that nobody sent", str(counts["wrong_requests"])],
        ["answers believed that were not sent", str(counts["wrong_answers"])],
        ["requests carried out twice", str(counts["done_twice"])],
        ["requests that got no answer", str(counts["incomplete"])],
    ]
    return table(["on a line that damages (measured)", ""], rows, right=(1,))


def label_push(results: Results) -> str:
    """Seconds of a full push, by chip and length of names."""
    found = results["label_updates"]
    rows = [
        [
            row["title"], str(row["name_bytes"]), number(row["pack_bytes"]), number(row["wire_bytes"]),
            f"{row['wire_s']:.2f} s", f"{row['seconds']:.2f} s",
        ]
        for row in found["push"]
    ]  # fmt: skip
    head = ["virtual board", "bytes of a name", "bytes of the pack", "bytes on the wire", "of wire",
            "push (emulated)"]  # fmt: skip
    return table(head, rows, right=(1, 2, 3, 4, 5))


def power_cuts(results: Results) -> str:
    """Outcomes of every cut, by geometry of the flash."""
    rows = []
    for row in results["label_updates"]["cuts"]:
        sector, sectors, unit, room = (*row["geometry"], 0)[:4]
        for which, name in (("first", "of an update"), ("second", "of the next update, behind each of those")):
            o = row[which]
            rows.append(
                [
                    f"{number(sector)} x {sectors}, {unit}" + ", erased in the background" * (room > 0), name, number(o["cuts"]), number(o["old"]),
                    number(o["new"]), str(o["neither"]), str(o["repaired"]),
                ]
            )  # fmt: skip
    head = ["sector x sectors of a slot, unit (bytes)", "power cut in every erase and write", "cuts (measured)",
            "old pack", "new pack", "neither", "flash operations at start"]  # fmt: skip
    return table(head, rows, right=(2, 3, 4, 5, 6))


def pack_damage(results: Results) -> str:
    """Truncations and flips of a full pack."""
    found = results["label_updates"]["damage"]
    rows = [
        ["cut off behind each of its bytes", number(found["truncations"]), str(found["truncations_accepted"])],
        ["one bit flipped", number(found["flips"]), str(found["flips_accepted"])],
    ]
    return table([f"a pack of {number(found['bytes'])} bytes", "tried (measured)", "accepted"], rows, right=(1, 2))


def stream(results: Results) -> str:
    """The run as a whole, then its marks every ten minutes."""
    found = results["stream"]
    last: dict[str, Any] = found["marks"][-1]
    text = (
        f"{found['sound_s'] / 60:.0f} minutes of sound, student {found['student']} {code(found['encoder'][:8])} on {found['title']}, "
        f"{found['emulator']}, a window every {found['hop_s']:.2f} s, {found['times_real_time']:g} times real time: "
        f"**{number(found['windows'])} windows of {number(found['expected_windows'])}, {found['dropped_windows']} dropped**; "
        f"{last['dropped_samples']} samples dropped, {last['overruns']} overruns, {last['watchdog_resets']} resets; memory marks "
        f"{'the same after every minute' if found['flat'] else '**not the same**'}."
    )
    marks = [m for m in found["marks"] if m["minute"] == 1 or m["minute"] % 10 == 0]
    rows = [
        [
            str(m["minute"]), number(m["windows"]), str(m["dropped_samples"] + m["overruns"] + m["missed_windows"]),
            number(m["stack_bytes"]), number(m["static_bytes"]), number(m["arena_bytes"]),
        ]
        for m in marks
    ]  # fmt: skip
    head = ["minute", "windows (emulated)", "lost", "stack, high-water", "static data", "arena"]
    return text + "\n\n" + table(head, rows, right=(0, 1, 2, 3, 4, 5))


def golden(results: Results) -> str:
    """`verify` by core."""
    rows = [
        [
            row["core"], row["board"], f"{row['student']} {code(row['encoder'][:8])}", row["target"], row["engine"],
            str(row["windows"]), "the same bytes" if row["identical"] else "**differ**",
        ]
        for row in results["verify"]["rows"]
    ]  # fmt: skip
    head = ["core", "board", "student, encoder", "`verify --target`", "by", "windows", "PCM to scores"]
    return table(head, rows, right=(5,))


def gate_rates(results: Results) -> str:
    """What a gate misses and spares, by the miss rate that was asked for."""
    rows = [
        [percent(row["asked"]), share(row["missed"]), share(row["shut"]), str(row["comparisons"]),
         number(row["vectors"])]
        for row in results["gate"]["rates"]
    ]  # fmt: skip
    head = ["asked: missed at most", "events missed (measured)", "ambient windows that stay shut (measured)", "comparisons",
            "vectors on which the C equals scikit-learn"]  # fmt: skip
    return table(head, rows, right=(0, 3, 4))


def gate_costs(results: Results) -> str:
    """Instructions of a hop by part, and the share that the gate saves."""
    rows = [
        [
            row["title"].split(" (")[0], f"{row['student']} {code(row['encoder'][:8])}", number(row["frontend"]),
            number(row["gate"]), number(row["encoder_instructions"]), number(row["labels"]),
            share(row["time_saved"], count=False),
        ]
        for row in results["gate"]["boards"]
    ]  # fmt: skip
    head = ["board", "student, encoder", "log-mel (emulated)", "gate", "encoder", "scores", "saved on ambient sound"]
    return table(head, rows, right=(2, 3, 4, 5))


Table = Callable[[Results], str]

BY_MEASUREMENT: dict[str, dict[str, Table]] = {
    "fuzz": {"fuzz": fuzz},
    "link": {"link-channel": link_channel},
    "label_updates": {"label-push": label_push, "power-cuts": power_cuts, "pack-damage": pack_damage},
    "stream": {"stream": stream},
    "verify": {"golden": golden},
    "gate": {"gate-rates": gate_rates, "gate-costs": gate_costs},
}
