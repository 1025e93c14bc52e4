"""Instructions a MAC (or element) of the engine's kernels, beside the figures they must reach.

python -m tests.engine.kernel_table [--core cortex-m4] [--isa dsp]
"""

from __future__ import annotations

import argparse

import numpy as np

from tests.engine.kernel_bench import kernels
from tests.engine.made_layers import RELU, SIGNED, TABLE, Call, Maker, Output, Window

WIDTH = 32  # pixels of a row


def rows(isa: str) -> list[tuple[str, Call, float | None]]:
    """(what, call, figure to reach on DSP cores) of every line."""

    def maker(output: Output = RELU) -> Maker:
        return Maker(np.random.default_rng(0), output)

    lines: list[tuple[str, Call, float | None]] = []
    for k in (8, 16, 32, 64, 128):
        for c_out in (16, 48, 64):
            lines.append((f"conv1x1 {k} -> {c_out}", maker().conv1x1(WIDTH, k, c_out), 0.94 + 18.5 / k))
    for name, output in (("signed", SIGNED), ("table", TABLE)):
        lines.append((f"conv1x1 64 -> 48, {name}", maker(output).conv1x1(WIDTH, 64, 48), 0.94 + 18.5 / 64))
    for pixels in (1, 2, 4, 8, 13, 25):
        lines.append((f"conv1x1 64 -> 48, {pixels} pixels", maker().conv1x1(pixels, 64, 48), 0.94 + 18.5 / 64))
    lines.append(("conv 3x3 stride 2, 1 -> 24", maker().conv(Window(64, 1, stride_w=2), 24), None))
    lines.append(("conv 3x3, 16 -> 16", maker().conv(Window(WIDTH, 16), 16), 0.94 + 18.5 / 144))
    for stride in (1, 2):
        for channels in (16, 48, 64):
            window = Window(WIDTH, channels, stride_w=stride, pad_right=2 - stride)
            lines.append((f"depthwise 3x3 stride {stride}, {channels}", maker().depthwise(window), 3.5))
    for width in (4, 8, 16):
        lines.append((f"depthwise 3x3, 64, {width} pixels", maker().depthwise(Window(width, 64)), 3.5))
    lines.append(("depthwise 3x3, 48, signed", maker(SIGNED).depthwise(Window(WIDTH, 48)), 3.5))
    lines.append(("depthwise 3x3, 48, table", maker(TABLE).depthwise(Window(WIDTH, 48)), 3.5))
    lines.append(("depthwise 5x5, 48", maker().depthwise(Window(WIDTH, 48, 5, 5, pad_left=2, pad_right=2)), None))
    for c_in in (96, 288):
        lines.append((f"dense {c_in} -> 256", maker(SIGNED).dense(1, c_in, 256), 1.0 + 25 / c_in))
    lines.append(("table", maker().table(2048), 4.0))
    lines.append(("mean, a row", maker().mean_add(WIDTH, 64), 0.91))
    lines.append(("mean, a map", maker().mean(1, 400, 1, 1, 64), 0.91))
    lines.append(("gates (SE)", maker(SIGNED).mul_channels(WIDTH, 64), 13.4))
    lines.append(("residual add", maker(SIGNED).add((1, 1, 2048)), 16.3))
    lines.append(("residual add, b a channel", maker(SIGNED).add((1, 32, 64), (1,)), None))
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--core", default="cortex-m4")
    parser.add_argument("--isa", default="dsp")
    options = parser.parse_args()
    bench = kernels(options.core, options.isa)
    print(f"{options.core}, {options.isa}: instructions a MAC or element; {WIDTH} pixels a row")
    for what, call, figure in rows(options.isa):
        _, instructions = call.run(bench, options.isa)
        aim = "" if figure is None else f"  to reach {figure:5.2f}"
        print(f"{what:32} {instructions / call.units:6.3f}{aim}")


if __name__ == "__main__":
    main()
