"""Graph passes: int8 graph in, int8 graph out, the same bytes at every output for every int8 input.

`optimise` runs them in order until none finds anything. Inputs and outputs keep name, shape and quantisation; the
tensors between need not. The rule of each pass, and why it is exact, stands at the head of its module.

Not a pass: the input's zero point goes into the biases when code is generated (codegen.constants.fold_product),
because a bias in a graph has TFLite's meaning.
"""

from __future__ import annotations

from tinyclap_export.graph import Graph
from tinyclap_export.passes.activations import fuse_activations
from tinyclap_export.passes.channels import remove_channels
from tinyclap_export.passes.duplicates import merge_duplicates, remove_dead
from tinyclap_export.passes.fold_constants import fold_constants
from tinyclap_export.passes.identities import combine_moves, remove_identities
from tinyclap_export.passes.intervals import channels_of
from tinyclap_export.passes.note import Pass, PassNote
from tinyclap_export.passes.pads import absorb_pads
from tinyclap_export.passes.pools import move_pools

__all__ = ["PASSES", "Pass", "PassNote", "optimise"]

PASSES: dict[str, Pass] = {
    "remove-dead": remove_dead,
    "fold-constants": fold_constants,
    "combine-moves": combine_moves,
    "remove-identities": remove_identities,
    "absorb-pads": absorb_pads,
    "fuse-activations": fuse_activations,
    "move-pools": move_pools,
    "merge-duplicates": merge_duplicates,
    "remove-channels": remove_channels,
}
MAX_ROUNDS = 32  # each round shortens the graph or narrows it; a chain of more steps than this stays as it is then
MAX_CHANNELS = 1 << 21  # of all activations together: bounds take 16 bytes each, and a real network has some thousand


def optimise(graph: Graph) -> tuple[Graph, tuple[PassNote, ...]]:
    """An int8 graph that computes the same bytes with less, and what was done: one note for each pass that did something.

    The graph given is not changed; one of more than MAX_CHANNELS channels is returned as it is. Raises ExportError (exit code 5) for a graph that the integer reference cannot run.
    """
    changes: dict[str, list[str]] = {name: [] for name in PASSES}
    macs = dict.fromkeys(PASSES, 0)
    result = graph.copy()
    if sum(channels_of(tensor) for tensor in graph.activations()) > MAX_CHANNELS:
        return result, ()
    for _ in range(MAX_ROUNDS):
        found = 0
        for name, run in PASSES.items():
            before = result.macs()
            result, done = run(result)
            changes[name] += done
            macs[name] += before - result.macs()
            found += len(done)
        if not found:
            break
    notes = tuple(PassNote(name, tuple(changes[name]), macs[name]) for name in PASSES if changes[name])
    return result.validate(), notes
