"""What a frame may cost on a Cortex-M4: 30,000 instructions at n_fft 512, 60,000 at 1024, whatever the compiler."""

from __future__ import annotations

import pytest

from tinyclap_edge.frontend.spec import FrontendSpec

pytest.importorskip("unicorn")
pytest.importorskip("ziglang")
from benchmarks.bare_function import has_compiler
from benchmarks.frontend import measure

BUDGETS = {512: 30_000, 1024: 60_000}


@pytest.mark.parametrize("optimise", ["-O2", "-O3"])
@pytest.mark.parametrize("compiler", ["zig", "gcc"])
@pytest.mark.parametrize("n_fft", BUDGETS)
def test_a_frame_stays_within_its_instructions_on_cortex_m4(n_fft: int, compiler: str, optimise: str) -> None:
    if not has_compiler(compiler):
        pytest.skip(f"{compiler} is not installed")
    cost = measure(FrontendSpec(n_fft=n_fft, window_samples=n_fft), "cortex-m4", compiler, optimise)
    assert cost["equals_twin"]
    assert cost["instructions_per_frame"] < BUDGETS[n_fft], cost["by_function"]
