"""What the cost model is calibrated on, and what it is examined on: configurations, and the cores that run them."""

from __future__ import annotations

import random
from dataclasses import dataclass

from tinyclap_edge.errors import UsageError
from tinyclap_edge.fit.configuration import Configuration, checked, make_frontend, parse_configuration
from tinyclap_edge.students.phinet_config import PhiNetConfig
from tinyclap_edge.students.phinet_cost import phinet_cost

EXAMINED_MACS = 12_000_000  # of a random configuration, so that an emulator runs it in a second or two


@dataclass(frozen=True)
class Core:
    """A core that an emulator counts on, with the board that has it and the kernels that run there.

    firmware, kernels: the core whose firmware, or whose kernels, stand for this one's. encoders: how many.
    """

    board: str
    isa: str
    firmware: str = ""
    encoders: int = 9
    kernels: str = ""


CORES: dict[str, Core] = {
    "cortex-m4": Core("stm32f4", "dsp"),
    "cortex-m7": Core("stm32h7", "dsp", kernels="cortex-m4"),  # the same assembly, but the C compiles to less
    "cortex-m55": Core("mps3-an547", "mve", encoders=12),
    "rv32imc": Core("esp32c3", "rv32", encoders=6),
    "cortex-m0plus": Core("rp2040", "portable", encoders=5),
    "rv32imc portable": Core("esp32c3", "portable", "rv32imc", 4),
}

# The M33 runs the M4's assembly, too. Boards whose core no emulator here runs are
# answered by another: RV32 with the portable kernels has about as many registers and addressing modes as Xtensa's base
# instruction set. Everything said for those is an order of magnitude.
STANDS_FOR: dict[str, str] = {
    **{name: name for name in CORES if " " not in name},
    "cortex-m33": "cortex-m4",
    "cortex-m3": "cortex-m0plus",
    "rv32imac": "rv32imc",
    "xtensa-lx6": "rv32imc portable",
    "xtensa-lx7": "rv32imc portable",
}

_RELU, _SWISH, _SE = "se=0,hswish=0", "se=0", "hswish=0"
_NETS = (  # alpha, beta, t0, N, window_s, r, mels, options
    (0.41, 0.75, 5, 6, 1.28, 40, 64, _SWISH),
    (0.7, 0.75, 4, 5, 0.64, 32, 48, "se=1"),
    (0.5, 0.75, 6, 7, 1.28, 33, 40, _RELU),
    (0.5, 1.0, 3, 6, 1.6, 64, 48, "se=0,conv5=0.5"),
    (1.0, 1.0, 6, 5, 0.64, 128, 64, _RELU),
    (1.1, 2.0, 3, 6, 1.6, 77, 32, f"{_RELU},conv5=0.5"),
    (0.667, 2.5, 2, 5, 0.64, 64, 64, f"{_RELU},divisor=4"),
    (0.33, 1.5, 6, 6, 0.96, 20, 64, _SE),
    (1.3, 0.5, 4, 7, 1.28, 96, 32, f"{_SWISH},divisor=4"),
    # channels that fill no vector, for what a kernel does with the last ones: on narrow maps, and on wide ones
    (0.2, 0.5, 5, 5, 0.96, 30, 40, _SWISH),
    (0.23, 0.75, 4, 4, 0.64, 22, 64, _RELU),
    (0.3, 0.5, 4, 5, 0.64, 50, 32, _SE),
)  # fmt: skip


def calibration_configurations() -> list[Configuration]:
    """The configurations that coefficients are fitted to."""
    return [
        parse_configuration(f"phinet:alpha={a},beta={b},t0={t},N={n},{more},padding=same;window_s={w},r={r},mels={m}")
        for a, b, t, n, w, r, m, more in _NETS
    ]


def frontend_configurations() -> list[tuple[Configuration, int]]:
    """(configuration, labels) whose whole firmware is built: for the front end, the scoring and the size of code."""
    rows = (  # rate, mels, hop_ms, window_s, r, labels, hswish, se
        (8000, 32, 16, 0.64, 16, 3, 0, 0),
        (8000, 20, 20, 0.96, 40, 12, 1, 0),
        (16000, 64, 20, 0.96, 64, 10, 0, 1),
        (16000, 40, 10, 0.64, 33, 25, 1, 1),
        (32000, 64, 20, 0.64, 96, 6, 0, 0),
        (32000, 96, 16, 0.48, 24, 16, 1, 0),
        (48000, 80, 20, 0.64, 128, 2, 0, 0),
        (44100, 48, 16, 0.48, 20, 40, 0, 1),
    )
    return [
        (
            parse_configuration(
                f"phinet:alpha={0.2 + 0.05 * i:g},t0=3,N=4,hswish={swish},se={se},padding=same;"
                f"rate={rate},mels={mels},hop_ms={hop},window_s={window},r={r}"
            ),
            labels,
        )
        for i, (rate, mels, hop, window, r, labels, swish, se) in enumerate(rows)
    ]


def streams() -> list[tuple[Configuration, int]]:
    """Those of them whose networks compute every row once, for what the application of a stream has more."""
    return [(configuration, labels) for configuration, labels in frontend_configurations() if not configuration.net.se][
        ::2
    ]


def random_configurations(count: int, seed: int, most_macs: int = EXAMINED_MACS) -> list[Configuration]:
    """Configurations of the whole space that `fit` searches, none of them in the calibration."""
    rng = random.Random(seed)
    found: list[Configuration] = []
    while len(found) < count:
        net = PhiNetConfig(
            alpha=round(rng.uniform(0.2, 1.6), 3), beta=rng.choice((0.5, 0.75, 1.0, 1.5, 2.5)),
            t0=rng.choice((2.0, 3.0, 4.0, 5.0, 6.0)), N=rng.randint(4, 9), se=rng.random() < 0.15,
            hswish=rng.random() < 0.3, divisor=rng.choice((1, 1, 4, 8)), padding="same",
        )  # fmt: skip
        try:
            spec = make_frontend(
                rng.choice((8000, 16000, 16000, 32000)), rng.choice((32, 40, 64)), rng.choice((10.0, 16.0, 20.0, 32.0)),
                rng.choice((0.64, 0.96, 1.28, 1.92, 2.56)),
            )  # fmt: skip
            configuration = checked(Configuration(net, spec, rng.choice((16, 32, 50, 64, 128, 256))))
        except UsageError:
            continue
        if phinet_cost(net, (1, spec.frames, spec.mel_bins), configuration.r).macs <= most_macs:
            found.append(configuration)
    return found
