"""Measure everything, write benchmarks/results/*.json, and rewrite the tables of README.md and docs/.

python -m benchmarks                      every measurement, then the tables
python -m benchmarks parity encoders      only these, then the tables
python -m benchmarks --tables             only the tables
python -m benchmarks --check              exit code 1 if a page differs from what the results say
"""

from __future__ import annotations

import argparse
import importlib
import sys

from benchmarks.pages import outdated, rewrite
from benchmarks.store import load_results

MEASUREMENTS = (
    "frontend",
    "sounds",
    "encoders",
    "parity",
    "engine",
    "fit",
    "accuracy",
    "distill",
    "rank",
    "temporal",
    "reduction",
    "link",
    "label_updates",
    "verify",
    "gate",
    "stream",
    "console",
)  # modules with main(), one result file each


def main() -> int:
    """See the head of the module; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure, and write the tables.")
    parser.add_argument("measurements", nargs="*", help=f"of {', '.join(MEASUREMENTS)}; by default all")
    parser.add_argument("--tables", action="store_true", help="only rewrite the tables")
    parser.add_argument("--check", action="store_true", help="only look whether the pages are up to date")
    options = parser.parse_args()
    unknown = [name for name in options.measurements if name not in MEASUREMENTS]
    if unknown:
        parser.error(f"no measurement {unknown[0]!r}; there are {', '.join(MEASUREMENTS)}")
    if options.check:
        stale = outdated(load_results())
        for page in stale:
            print(f"{page} is out of date: run python -m benchmarks --tables", file=sys.stderr)
        return 1 if stale else 0
    if not options.tables:
        for name in options.measurements or MEASUREMENTS:
            print(f"{name} ...", file=sys.stderr, flush=True)
            importlib.import_module(f"benchmarks.{name}").main()
    for page in rewrite(load_results()):
        print(f"{page} rewritten", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
