"""`verify`: an export's golden vectors through a target, every byte compared, and the first stage that differs named.

The vectors are PCM, log-mel, network input, embedding and scores as the integer reference gave them at export. A target
shows embeddings and scores; where they differ, the window that does is run again with a watch on what comes before.
"""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from tinyclap_export.codegen import generate
from tinyclap_export.passes import optimise

from tinyclap_edge.bundle.continuous import embeddings_at
from tinyclap_edge.bundle.golden import Stages
from tinyclap_edge.bundle.layer_watch import Difference, LayerWatch, layer_places, reference_maps
from tinyclap_edge.bundle.read import Bundle
from tinyclap_edge.bundle.run import HostReady, Ready, prepare
from tinyclap_edge.bundle.serial_stream import verify_serial_stream
from tinyclap_edge.bundle.serial_target import SerialReady
from tinyclap_edge.bundle.serial_verify import verify_serial
from tinyclap_edge.bundle.stream_watch import StreamWatch, stream_maps
from tinyclap_edge.bundle.watched_run import watch_frontend, watch_image, watch_library
from tinyclap_edge.device.cpu import kernel_isa
from tinyclap_edge.device.host_target import HostTarget
from tinyclap_edge.device.targets import stream_of_windows
from tinyclap_edge.errors import CorruptFile, NumbersDiffer

GOLDEN = "golden.npz"
MAX_GOLDEN_BYTES = 64 << 20
OWN, AGAIN = "the export's own", "generated again with the portable kernels"
_ENCODER = Path("lib") / "encoder"


def verify(
    bundle: Bundle,
    target: str,
    engine: str | None = None,
    on_line: Callable[[str], None] | None = None,
    port: str = "",
    baud: int = 0,
    advance: Callable[[int], None] = lambda windows: None,
) -> dict[str, Any]:
    """Replay the golden vectors. Returns what was compared; NumbersDiffer (6) names the first stage and layer that
    differ, CorruptFile (7) a bundle without usable vectors, DeviceError (4) a board that is not the bundle's."""
    pcm, wanted = read_golden(bundle)
    if target == "serial":
        return _on_board(bundle, port, baud, pcm, wanted, advance)
    with tempfile.TemporaryDirectory(prefix="tce-verify-") as folder:
        work = Path(folder)
        ready = _prepare(bundle, target, work, engine, on_line)
        found, run = ready.run(pcm) if bundle.stream else ready.run_windows(pcm)
        where = _first(found, wanted)
        if where is not None:
            window, difference = where
            if difference.stage == "embedding":
                difference = _before(ready, work, window, pcm, wanted) or difference
            raise NumbersDiffer(
                f"{bundle.board.name} on {target}: {difference.words()}{_in_window(bundle, window)}; it is the first that does",
                _hint(ready, difference),
            )
    return {
        "board": bundle.board.name,
        "encoder": bundle.manifest["encoder"]["id"],
        "target": target,
        "engine": run.engine if run else "numpy",
        "encoder_c": None if target == "python" else OWN if target == "emulator" or _portable(bundle) else AGAIN,
        "windows": len(wanted.embeddings),
        "stages": {
            name: int(values.size) for name, values in asdict(wanted).items() if getattr(found, name) is not None
        },
        "digest": found.digest(),
        "identical": True,
    }


def _on_board(
    bundle: Bundle, port: str, baud: int, pcm: np.ndarray, wanted: Stages, advance: Callable[[int], None]
) -> dict[str, Any]:
    """The same over a port: stage by stage, as the board makes them."""
    ready = prepare(bundle, "serial", Path(), port=port, baud=baud)
    assert isinstance(ready, SerialReady)
    where = (verify_serial_stream if bundle.stream else verify_serial)(ready, pcm, wanted, advance)
    if where is not None:
        window, found = where
        raise NumbersDiffer(
            f"{bundle.board.name} on {port}: {found.words()}{_in_window(bundle, window)}; it is the first that does",
            "does `verify --target emulator` pass? Then flash it again; if it stays, look at the board's clock and supply",
        )
    return {
        "board": bundle.board.name,
        "encoder": bundle.manifest["encoder"]["id"],
        "target": "serial",
        "engine": port,
        "encoder_c": OWN,
        "windows": len(wanted.embeddings),
        "stages": {name: int(values.size) for name, values in asdict(wanted).items()},
        "digest": wanted.digest(),
        "identical": True,
    }


def _in_window(bundle: Bundle, window: int) -> str:
    return f" at or before golden embedding {window}" if bundle.stream else f", in golden window {window}"


def read_golden(bundle: Bundle) -> tuple[np.ndarray, Stages]:
    """(n, window_total_samples) int16 PCM, or (samples,) of a stream, and its stages. CorruptFile (7) for a file that no export writes."""
    spec, manifest = bundle.spec, bundle.manifest
    path = bundle.folder / GOLDEN
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > MAX_GOLDEN_BYTES:
                raise ValueError("it is too large")
        with np.load(path, allow_pickle=False) as stored:
            pcm, features, inputs, embeddings, scores = (
                stored[name] for name in ("pcm", "logmel_q8", "inputs", "embeddings", "scores")
            )
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise CorruptFile(f"{path} holds no golden vectors ({error})", "export it again") from error
    n, labels, r = len(pcm) if pcm.ndim else 0, len(manifest["labels"]), manifest["encoder"]["r"]
    sound: tuple[int, ...] = (n, spec.window_total_samples)
    rows: tuple[int, ...] = (n, spec.frames, spec.mel_bins)
    if bundle.stream:
        sound, made = (n,), spec.frame_count(n)
        n, rows = len(embeddings_at(made, bundle.stream.first_rows, bundle.hop_frames)), (made, spec.mel_bins)
    forms = (
        (pcm, sound, np.int16), (features, rows, np.int16), (inputs, rows, np.int8), (embeddings, (n, r), np.int8),
        (scores, (n, labels), np.int16),
    )  # fmt: skip
    if n < 1 or any(a.shape != shape or a.dtype != kind for a, shape, kind in forms):
        raise CorruptFile(f"{path} holds vectors of another model", "export it again")
    return pcm, Stages(embeddings, scores, features, inputs)


def _portable(bundle: Bundle) -> bool:
    """Whether the C of this export calls kernels that this PC can compile."""
    return kernel_isa(bundle.board) == "portable"


def _prepare(
    bundle: Bundle, target: str, work: Path, engine: str | None, on_line: Callable[[str], None] | None
) -> Ready:
    if target == "host" and _portable(bundle):
        program = HostTarget().build(bundle.firmware, work / "host-app")
        return HostReady(bundle, target, program)
    return prepare(bundle, target, work, engine, count=False, on_line=on_line)


def _first(found: Stages, wanted: Stages) -> tuple[int, Difference] | None:
    """Window and stage of the first difference, stage before window: an earlier stage explains the later ones."""
    stages = (
        ("log-mel", found.logmel_q8, wanted.logmel_q8), ("network input", found.inputs, wanted.inputs),
        ("embedding", found.embeddings, wanted.embeddings), ("scores", found.scores, wanted.scores),
    )  # fmt: skip
    for stage, a, b in stages:
        if a is None or b is None or np.array_equal(a, b):
            continue
        if a.shape != b.shape:
            return 0, Difference(stage, int(b.size))
        window = int(np.flatnonzero((a != b).reshape(len(a), -1).any(1))[0])
        return window, Difference(stage, int(np.count_nonzero(a[window] != b[window])))
    return None


def _before(ready: Ready, work: Path, window: int, pcm: np.ndarray, wanted: Stages) -> Difference | None:
    """What differs first before the embedding of a window, where this target lets it be seen."""
    bundle = ready.bundle
    assert wanted.logmel_q8 is not None and wanted.inputs is not None
    pipeline, at = bundle.pipeline(), None
    if bundle.stream:
        features, inputs, sound, hop = wanted.logmel_q8, wanted.inputs, pcm, bundle.hop_frames
        at = embeddings_at(len(inputs), bundle.stream.first_rows, hop)
        stream = stream_maps(pipeline.encoder, inputs, at)
    else:
        features, inputs = wanted.logmel_q8[window], wanted.inputs[window]
        sound, hop = stream_of_windows(pcm[window : window + 1], bundle.spec)
        maps = reference_maps(pipeline.encoder, inputs)

    def watch_of(library: Path, layers: list[dict[str, Any]]) -> LayerWatch:
        places = layer_places(layers, (library / "tce_encoder.h").read_text(encoding="ascii"))
        if bundle.stream:
            return StreamWatch(places, stream, features, inputs)
        return LayerWatch(places, maps, features, inputs)

    own = bundle.firmware / _ENCODER
    if ready.target == "emulator":
        if not bundle.board.emulator.unicorn:
            return None
        assert ready.image is not None
        watch = watch_of(own, bundle.manifest["layers"])
        watch_image(bundle.board, ready.image, sound, hop, watch)
        return watch.found
    library, layers = own, bundle.manifest["layers"]
    if not _portable(bundle):
        made = generate(optimise(pipeline.encoder)[0], work / "again", isa="portable", schedule=bundle.schedule)
        library, layers = made.directory, [asdict(layer) for layer in made.layers]
    watch = watch_of(library, layers)
    heard = pcm if bundle.stream else pcm[window]
    watch_frontend(bundle.firmware / "lib" / "frontend", bundle.spec, heard, pipeline.input_quant, watch)
    if watch.found is None:
        watch_library(library, work / "watched", inputs, watch, at)
    return watch.found


def _hint(ready: Ready, difference: Difference) -> str:
    if ready.target == "python":
        return "the export was made by another version of this package, or its vectors were changed: export it again"
    if difference.stage == "embedding" and not ready.bundle.board.emulator.unicorn:
        return f"no emulator shows the layers of {ready.bundle.board.core}: verify an export for another core"
    if ready.target == "emulator":
        return "export it again; if it stays, build with the other compiler (`build --toolchain`) and report the bundle"
    return "export it again; if it stays, report the bundle with your compiler's version"
