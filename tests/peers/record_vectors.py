"""Writes tests/peers/vectors.npz: what other libraries make of small random problems, with their versions.

    python -m tests.peers.record_vectors

in the environment of `make test-all`. `make test` compares with the file and needs none of the libraries.
"""

import pathlib

import numpy as np

from tests.peers.libraries import PEERS, Problem, Solution, draw, versions

VECTORS = pathlib.Path(__file__).with_name("vectors.npz")
SIZES = {"steps": 6, "batch": 2, "input_size": 3, "hidden_size": 4}


def flat(name: str, problem: Problem, solution: Solution) -> dict[str, np.ndarray]:
    """Returns a record's arrays by names such as "torch.LSTM/weights/bias_ih_l0"."""
    arrays = {}
    for field, value in (problem._asdict() | solution._asdict()).items():
        for key, array in value.items() if isinstance(value, dict) else [("", value)]:
            arrays[f"{name}/{field}/{key}"] = array
    return arrays


def load(name: str) -> tuple[Problem, Solution]:
    """Reads a peer's record back."""
    fields = {}
    with np.load(VECTORS) as arrays:
        for path in arrays.files:
            if path.startswith(f"{name}/"):
                _, field, key = path.split("/", 2)
                if key:
                    fields.setdefault(field, {})[key] = arrays[path]
                else:
                    fields[field] = arrays[path]
    return tuple(kind(**{field: fields[field] for field in kind._fields}) for kind in (Problem, Solution))


def main() -> None:
    """Records every peer."""
    arrays = {f"versions/{package}": np.array(version) for package, version in versions().items()}
    for seed, (name, peer) in enumerate(PEERS.items()):
        problem = draw(peer, seed, **SIZES)
        arrays |= flat(name, problem, peer.run(problem))
    np.savez_compressed(VECTORS, **arrays)
    print(f"{VECTORS}: {len(PEERS)} peers, {VECTORS.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
