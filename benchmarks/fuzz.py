"""Long fuzzing of the C that reads what comes from outside, and its record.

python -m benchmarks.fuzz [TARGET ...] [--executions N] [--more N] [--slice-s S] [--keep]

A run is made of slices; each goes on from the inputs that the ones before found (out/fuzz/TARGET), and its executions are
added to benchmarks/results/fuzz.json, so that a long run may be stopped and resumed. The record is of one state of the
sources: when a file under test has changed, its target begins again at 0. --keep merges what was found into the committed
corpus (tests/fuzz/corpus), which `make test` replays.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benchmarks.fuzz_targets import CORPUS, TARGETS, Compiler, build, files_under_test, fuzzing_compiler, sources_sha256
from benchmarks.store import MEASURED, ROOT, load_results, save_result
from tinyclap_edge.errors import GateFailed, TinyclapError

WANTED = 100_000_000  # executions of each target
LONG = ("frames", "pack", "commands")  # the targets that are fuzzed so long
SLICE_S = 300
DEEP_EVERY = 6  # one slice of so many sees comparisons and has long inputs: slow, and it gets past what is guarded
FOUND = ROOT / "out" / "fuzz"
# Leaks cannot be: the C has no heap. libFuzzer's own blocks then cost a third less.
SANITIZER = {
    "ASAN_OPTIONS": "detect_leaks=0:malloc_context_size=0:quarantine_size_mb=1:thread_local_quarantine_size_kb=16"
}
_INTERRUPTED = 72  # exit code of a libFuzzer that was told to stop
_UNITS = re.compile(r"stat::number_of_executed_units:\s+(\d+)")


@dataclass(frozen=True)
class Record:
    """What one state of the sources went through. `begun` and `ended` are days (UTC)."""

    sources_sha256: str
    executions: int = 0
    deep_executions: int = 0
    cpu_seconds: float = 0.0
    slices: int = 0
    findings: int = 0
    begun: str = ""
    ended: str = ""
    compiler: str = ""
    sanitizers: str = ""


@dataclass(frozen=True)
class Slice:
    """One run of libFuzzer. finding: what it reported of the input that made it stop; stopped: a person did (Ctrl-C)."""

    executions: int
    cpu_seconds: float
    finding: str | None
    stopped: bool = False


def recorded(results: dict[str, Any], target: str, sha256: str) -> Record:
    """The record of a target; a blank one when there is none for these sources."""
    row = results.get("fuzz", {}).get("targets", {}).get(target)
    return Record(**row) if row is not None and row["sources_sha256"] == sha256 else Record(sha256)


def added(record: Record, run: Slice, deep: bool, compiler: str, sanitizers: str, day: str) -> Record:
    """The record with one slice more."""
    return Record(
        sources_sha256=record.sources_sha256,
        executions=record.executions + run.executions,
        deep_executions=record.deep_executions + (run.executions if deep else 0),
        cpu_seconds=round(record.cpu_seconds + run.cpu_seconds, 1),
        slices=record.slices + 1,
        findings=record.findings + (run.finding is not None),
        begun=record.begun or day,
        ended=day,
        compiler=compiler,
        sanitizers=sanitizers,
    )


def run_slice(program: Path, target: str, runs: int, seconds: int, seed: int, deep: bool) -> Slice:
    """Run libFuzzer once, from the committed and the found inputs."""
    found = FOUND / target
    found.mkdir(parents=True, exist_ok=True)
    limits = [f"-runs={runs}", f"-max_total_time={seconds}", f"-seed={seed}", "-verbosity=0", "-print_final_stats=1"]
    length = TARGETS[target].deep_len if deep else TARGETS[target].max_len
    # how often a line was passed, and which input is the rarest, cost a third of an execution
    cheap = [] if deep else ["-entropic=0", "-use_counters=0"]
    command = [str(program), *limits, f"-max_len={length}", *cheap, f"-artifact_prefix={FOUND}/{target}-"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with subprocess.Popen(
        [*command, str(found), str(CORPUS / target)],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=os.environ | SANITIZER,
    ) as running:  # fmt: skip
        stopped = False
        try:
            _, told = running.communicate()
        except KeyboardInterrupt:  # libFuzzer then tells how far it came
            stopped = True
            running.send_signal(signal.SIGINT)
            _, told = running.communicate()
    text = told.decode(errors="replace")
    seconds_used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before.ru_utime
    units = _UNITS.search(text)
    failed = running.returncode not in (0, _INTERRUPTED) and not stopped
    finding = text[-3000:] or f"exit code {running.returncode}" if failed else None
    return Slice(int(units[1]) if units else 0, seconds_used, finding, stopped)


class Campaign:
    """One target on its way to a number of executions; `slice` goes a step."""

    def __init__(self, target: str, compiler: Compiler, work: Path) -> None:
        self.target, self.compiler, self._work = target, compiler, work
        sha256 = sources_sha256(files_under_test(target, compiler))
        self.record = recorded(load_results(), target, sha256)
        self._version = _version(compiler)
        self._programs: dict[bool, Path] = {}

    def slice(self, seconds: int, wanted: int) -> Slice:
        """Fuzz for `seconds`, or until the record has `wanted` executions, and write the record."""
        deep = self.record.slices % DEEP_EVERY == DEEP_EVERY - 1
        runs, seed = wanted - self.record.executions, 1 + self.record.slices
        run = run_slice(self.program(deep), self.target, runs, seconds, seed, deep)
        day = datetime.now(timezone.utc).date().isoformat()
        self.record = added(self.record, run, deep, self._version, self.compiler.sanitizers, day)
        _save(self.target, self.record)
        return run

    def program(self, deep: bool) -> Path:
        """Compiled when it is first asked for."""
        if deep not in self._programs:
            out = self._work / f"{self.target}-{'deep' if deep else 'quick'}"
            self._programs[deep] = build(self.target, out, self.compiler, deep)
        return self._programs[deep]


def fuzz(
    campaigns: Sequence[Campaign], wanted: Callable[[Record], int], seconds: int, say: Callable[[str], None]
) -> None:
    """Bring every record to what is wanted of it, slice by slice in turns. GateFailed when something is found."""
    goals = {campaign: wanted(campaign.record) for campaign in campaigns}
    while unfinished := [c for c in campaigns if c.record.executions < goals[c]]:
        for campaign in unfinished:
            run = campaign.slice(seconds, goals[campaign])
            pace = run.executions / max(run.cpu_seconds, 1e-9)
            say(
                f"{campaign.target}: {campaign.record.executions:,} of {goals[campaign]:,}, {pace:,.0f} a second of a core"
            )
            if run.finding is not None:
                raise GateFailed(
                    f"the fuzz target {campaign.target} found an input that fails:\n{run.finding}",
                    f"the input is {FOUND}/{campaign.target}-*; put it into the corpus with the repair",
                )
            if run.stopped:
                raise KeyboardInterrupt


def keep(target: str, program: Path) -> int:
    """Add to the committed corpus what reaches something new, as few inputs as do; the number of all."""
    flags = ["-merge=1", "-use_counters=0", f"-max_len={TARGETS[target].deep_len}"]
    command = [str(program), *flags, str(CORPUS / target), str(FOUND / target)]
    subprocess.run(command, check=True, capture_output=True, env=os.environ | SANITIZER)
    return len(list((CORPUS / target).iterdir()))


def _version(compiler: Compiler) -> str:
    done = subprocess.run([*compiler.command, "--version"], capture_output=True, text=True, check=True)
    return " ".join(re.findall(r"clang version ([\d.]+)", done.stdout)[:1]) or "unknown"


def _save(target: str, record: Record) -> None:
    """Read anew each time, so that two targets may run side by side."""
    targets = load_results().get("fuzz", {}).get("targets", {})
    rows = {**targets, target: asdict(record)}
    data = {"kind": MEASURED, "wanted": WANTED, "targets": {name: rows[name] for name in TARGETS if name in rows}}
    save_result("fuzz", data)


def main(arguments: Sequence[str] = ()) -> int:
    """See the head of the module."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="*", help=f"of {', '.join(TARGETS)}; by default {', '.join(LONG)}")
    parser.add_argument("--executions", type=int, default=WANTED, help="of each target, with those on record")
    parser.add_argument("--more", type=int, default=0, help="executions of each target beyond those on record")
    parser.add_argument("--slice-s", type=int, default=SLICE_S, help="seconds between two entries into the record")
    parser.add_argument("--keep", action="store_true", help="merge what was found into the committed corpus")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if unknown := sorted(set(options.targets) - set(TARGETS)):
        parser.error(f"no target {unknown[0]!r}; there are {', '.join(TARGETS)}")
    try:
        compiler = fuzzing_compiler()
        with tempfile.TemporaryDirectory() as work:
            campaigns = [Campaign(target, compiler, Path(work)) for target in options.targets or LONG]
            fuzz(
                campaigns,
                lambda record: record.executions + options.more if options.more else options.executions,
                options.slice_s,
                _say,
            )
            for campaign in campaigns if options.keep else ():
                _say(f"{campaign.target}: {keep(campaign.target, campaign.program(False))} inputs in the corpus")
    except KeyboardInterrupt:
        return 130
    except TinyclapError as error:
        print(f"error: {error}\nhint: {error.hint}", file=sys.stderr)
        return error.exit_code
    return 0


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
