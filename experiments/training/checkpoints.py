"""Checkpoints that a run goes on from: whole or not there, checked when they are read, the last good one taken."""

import hashlib
import logging
import math
import shutil
import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp

from experiments.common.errors import ExperimentError
from experiments.common.progress import say
from experiments.common.stopping import uninterrupted

_STATE, _MANIFEST = "state", "manifest"


class Checkpoints:
    """The checkpoints of one run, in a folder of their own; Orbax writes and reads them.

    What Orbax leaves open is settled here: a damaged checkpoint is put aside with a warning, and the one before it is
    taken; arrays are compared with those that are expected, names, shapes and dtypes; arrays of size zero need not be
    saved; and what NamedTuples there are comes back as it was.

    Attributes:
      folder: where they are.
      keep: how many of the last ones stay.
      identity: what tells a checkpoint of this run from any other, e.g. a hash of the config.
    """

    def __init__(self, folder: Path, *, keep: int, identity: str):
        self.folder, self.keep, self.identity = folder, keep, identity
        _quiet_orbax()
        self._checkpointer = ocp.Checkpointer(
            ocp.CompositeCheckpointHandler(
                **{_STATE: ocp.StandardCheckpointHandler(), _MANIFEST: ocp.JsonCheckpointHandler()}
            )
        )

    def steps(self) -> list[int]:
        """Returns the steps that there are checkpoints of, rising; what was cut short while it was written is none."""
        if not self.folder.is_dir():
            return []
        return sorted(int(entry.name) for entry in self.folder.iterdir() if _is_step(entry.name) and entry.is_dir())

    def save(self, step: int, state: Any) -> None:
        """Writes the state of a step, and then removes the oldest ones.

        Raises:
          OSError: the disk is full, or the folder cannot be written to; what was there before is whole.
        """
        arrays = _named(state)
        manifest = {"identity": self.identity, "arrays": _described(arrays), "sha256": _digest(arrays)}
        kept = {name: a for name, a in arrays.items() if a.size}
        # A name that Orbax takes for no path.
        renamed = {name.replace("/", "|"): a for name, a in kept.items()}
        target = self.folder / str(step)
        if target.exists():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            with uninterrupted():  # Orbax runs an event loop, which cannot be used again once it is interrupted
                self._checkpointer.save(
                    target,
                    args=ocp.args.Composite(
                        **{_STATE: ocp.args.StandardSave(renamed), _MANIFEST: ocp.args.JsonSave(manifest)}
                    ),
                )
        except (ValueError, RuntimeError) as error:  # how tensorstore says that a disk is full
            raise OSError(None, f"checkpoint cannot be written: {str(error).splitlines()[0]}", str(target)) from error
        for old in self.steps()[: -self.keep]:
            shutil.rmtree(self.folder / str(old), ignore_errors=True)

    def restore(self, like: Any, *, up_to: float = math.inf) -> tuple[int, Any] | None:
        """Returns the step and the state of the last good checkpoint; None where there is none at all.

        Args:
          like: a state of the structure, shapes and dtypes that are expected.
          up_to: the greatest step that counts.

        Raises:
          ExperimentError: there are checkpoints, and none is good; or one has other arrays, and none before it is good.
          OSError: one cannot be read at the moment; it stays where it is.
        """
        steps = self.steps()
        unread: dict[int, Exception] = {}
        for step in reversed([step for step in steps if step <= up_to]):
            try:
                state = self._restored(step, like)
            except MemoryError:
                raise
            except Exception as error:  # damaged bytes make readers raise nearly anything
                self._refuse_transient(step, error)
                unread[step] = error
                continue
            for worse, error in unread.items():
                self._put_aside(worse, error)
            return step, state
        for error in unread.values():
            if isinstance(error, _OtherArrays):
                raise error
        for step, error in unread.items():
            self._put_aside(step, error)
        damaged = sorted(entry.name for entry in self.folder.glob("*.damaged"))
        if damaged and all(step <= up_to for step in steps):
            raise ExperimentError(
                f"{self.folder} has {len(damaged)} checkpoints, none of which can be read: {', '.join(damaged)}.\n"
                "To start anew, choose another --workdir."
            )
        return None

    def _restored(self, step: int, like: Any) -> Any:
        """Returns the state of a step; raises nearly anything where that is damaged."""
        manifest = self._checkpointer.restore(
            self.folder / str(step), args=ocp.args.Composite(**{_MANIFEST: ocp.args.JsonRestore()})
        )[_MANIFEST]
        if manifest["identity"] != self.identity:
            raise ValueError("it belongs to another run")
        expected = _named(like)
        _compare(manifest["arrays"], _described(expected), self.folder / str(step))
        arrays = self._read(step, expected)
        if _digest(arrays) != manifest["sha256"]:
            raise ValueError("its numbers are not those that were saved")
        leaves, structure = jax.tree.flatten(like)
        return structure.unflatten(map(_leaf, arrays.values(), leaves))

    def _read(self, step: int, expected: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        abstract = {
            name.replace("/", "|"): jax.ShapeDtypeStruct(a.shape, a.dtype) for name, a in expected.items() if a.size
        }
        stored = self._checkpointer.restore(
            self.folder / str(step), args=ocp.args.Composite(**{_STATE: ocp.args.StandardRestore(abstract)})
        )[_STATE]
        return {n: np.asarray(stored[n.replace("/", "|")]) if a.size else a for n, a in expected.items()}

    def _refuse_transient(self, step: int, error: Exception) -> None:
        """Raises where it is the system that cannot read a checkpoint, which may be good: nothing is put aside then."""
        folder = self.folder / str(step)
        found = _system_error(error)
        try:
            for path in folder.rglob("*"):  # Orbax has words of its own for what the system says
                if path.is_file():
                    with path.open("rb") as file:
                        while file.read(1 << 20):
                            pass
        except FileNotFoundError:
            pass
        except OSError as system:
            found = system.strerror or str(system)
        if found:
            raise OSError(None, f"checkpoint cannot be read: {found}", str(folder)) from error

    def _put_aside(self, step: int, error: Exception) -> None:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:120]
        say(f"warning: checkpoint {self.folder / str(step)} is damaged ({reason}); the one before it is taken")
        target = self.folder / f"{step}.damaged"
        shutil.rmtree(target, ignore_errors=True)
        (self.folder / str(step)).rename(target)


class _OtherArrays(ExperimentError):
    """A checkpoint says that it holds other arrays than are expected."""


_OF_THE_SYSTEM = ("PERMISSION_DENIED", "UNAVAILABLE", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED", "ABORTED", "CANCELLED")
"""What TensorStore's errors begin with where a file could not be read, good as it may be."""


_OF_DAMAGE = (FileNotFoundError, NotADirectoryError, IsADirectoryError)
"""What the system says where a file has gone, or something else stands in its place."""


def _system_error(error: BaseException | None) -> str | None:
    """Returns what the system says where an error, or what it came from, is one of the system's; None for others."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, OSError) and not isinstance(error, _OF_DAMAGE):
            return error.strerror or str(error)
        if str(error).startswith(_OF_THE_SYSTEM):
            return str(error).splitlines()[0][:120]
        error = error.__cause__ or error.__context__
    return None


def _is_step(name: str) -> bool:
    """Tells whether a folder has the name of a step; `str.isdigit` is true of a superscript as well."""
    return name.isascii() and name.isdigit() and name == str(int(name))


def _quiet_orbax() -> None:
    """Leaves it to the errors that Orbax raises to say what is wrong.

    It logs every save and, where a read fails, closes the event loop that its other reads still want to report to.
    """
    for name in ("absl", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    before = sys.unraisablehook
    if getattr(before, "is_quiet", False):
        return

    def hook(unraisable: Any) -> None:
        late = unraisable.object is None and str(unraisable.exc_value) == "Event loop is closed"
        if not (late and isinstance(unraisable.exc_value, RuntimeError)):
            before(unraisable)

    hook.is_quiet = True  # pyright: ignore[reportFunctionMemberAccess]
    sys.unraisablehook = hook


def _named(state: Any) -> dict[str, np.ndarray]:
    """Returns the leaves by their paths, on the host."""
    leaves = jax.tree_util.tree_leaves_with_path(state)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): _bits(leaf) for path, leaf in leaves}


def _bits(leaf: Any) -> np.ndarray:
    """Returns a leaf as numbers, which a random key is not by itself."""
    return np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)


def _leaf(bits: np.ndarray, like: Any) -> Any:
    """Returns numbers as a leaf again."""
    return jax.random.wrap_key_data(jnp.asarray(bits), impl=jax.random.key_impl(like)) if _is_key(like) else bits


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(jnp.result_type(leaf), jax.dtypes.prng_key)


def _described(arrays: dict[str, np.ndarray]) -> dict[str, list]:
    return {name: [str(a.dtype), list(a.shape)] for name, a in arrays.items()}


def _digest(arrays: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name, a in arrays.items():
        digest.update(name.encode() + np.ascontiguousarray(a).tobytes())
    return digest.hexdigest()


def _compare(stored: dict[str, list], expected: dict[str, list], path: Path) -> None:
    """Raises an error that names the first array that differs; Orbax would cast a dtype in silence."""
    for name in [*expected, *(set(stored) - set(expected))]:
        if stored.get(name) != expected.get(name):
            there, wanted = (
                f"{found[name][0]}{found[name][1]}" if name in found else "missing" for found in (stored, expected)
            )
            raise _OtherArrays(
                f"{path}: array {name} is {there} there, and {wanted} as this config and version have it.\n"
                "Nothing was changed; choose another --workdir."
            )
