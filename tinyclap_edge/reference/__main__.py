"""`python -m tinyclap_edge.reference --work DIR [--out DIR] [--quick]`: the build without the command line's dress."""

from __future__ import annotations

import argparse
from pathlib import Path

from tinyclap_edge.reference.build import MODELS, build


def main() -> None:
    """Parse and build."""
    parser = argparse.ArgumentParser(prog="python -m tinyclap_edge.reference", description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("runs/reference"), help="shards and checkpoints (resumable)")
    parser.add_argument("--out", type=Path, default=MODELS, help="where the models go")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--text-model", type=Path, help="folder of all-MiniLM-L6-v2, where it is not installed")
    parser.add_argument("--quick", action="store_true", help="a miniature in under a minute, for tests")
    args = parser.parse_args()
    build(args.work, args.out, quick=args.quick, processes=args.processes, text_model=args.text_model)


if __name__ == "__main__":
    main()
