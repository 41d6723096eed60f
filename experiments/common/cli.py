"""The command line of every study: `python -m experiments.NAME --config=FILE --workdir=DIR --config.FIELD=VALUE`.

Only here are flags read. What a user can get wrong ends in at most three lines on stderr and exit status 2.
"""

import contextlib
import os
import re
import runpy
import shlex
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn, cast

import jax
from absl import flags
from ml_collections import config_dict, config_flags

from experiments.common.config import flatten
from experiments.common.errors import ExperimentError
from experiments.common.help import Names, Option, explained, help_text, listed
from experiments.common.progress import say
from experiments.common.stopping import HUNG_UP, TERMINATED, Terminated
from recurrax._util.naming import did_you_mean

CLONE = Path(__file__).resolve().parents[2]
"""The folder that the studies and their configs lie in."""
INTERRUPTED = 130
"""Exit status after Ctrl-C."""

Main = Callable[..., None]


def run(
    main: Main,
    *,
    description: str,
    default_config: str,
    schema: type | None = None,
    options: Sequence[Option] = (),
    names: Names = dict,
) -> NoReturn:
    """Runs a study as the command line says, and ends the process with its exit status.

    Args:
      main: the study; called with the config, the folder for the results, and the options by name.
      description: what the study does, for `--help`.
      default_config: path of the config file that is taken where `--config` is not given.
      schema: the dataclass of the config; its `Attributes:` explain the fields in `--help`.
      options: further flags.
      names: returns what texts in the config may name, for `--help`: classes by their names, by their kind.
    """
    status = exit_status(
        main,
        [_module() or sys.argv[0], *sys.argv[1:]],
        description=description,
        default_config=default_config,
        schema=schema,
        options=options,
        names=names,
    )
    if status in (INTERRUPTED, TERMINATED, HUNG_UP):
        # A compilation that was broken off makes XLA crash while Python shuts down; all files are closed by now.
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


def exit_status(
    main: Main,
    argv: Sequence[str],
    *,
    description: str,
    default_config: str,
    schema: type | None = None,
    options: Sequence[Option] = (),
    names: Names = dict,
) -> int:
    """Does what `run` does for the given arguments and returns the exit status.

    Returns:
      0, 1 where a part of the work failed, 2 after a mistake of the user's or trouble with files, 3 where a training
      diverged, 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP. Any other exception is a bug and goes through,
      with its traceback.
    """
    try:
        config, path, values = _parse(argv, default_config, options)
        if values["help"].value or values["helpfull"].value:
            fields = flatten(config.to_dict())
            print(help_text(argv[0], description, path, fields, schema, options))
            print((explained if values["helpfull"].value else listed)(names()))
            return 0
        if not values["workdir"].value:
            raise ExperimentError("--workdir is missing: the folder for the results, e.g. --workdir=runs/first")
        main(config, _folder(values["workdir"].value), **{option.name: values[option.name].value for option in options})
        return 0
    except ExperimentError as error:
        _complain(str(error))
        return error.status
    except Terminated as error:
        say("\nTerminated; the same command goes on where it stopped.")
        return error.status
    except (MemoryError, jax.errors.JaxRuntimeError) as error:
        if isinstance(error, jax.errors.JaxRuntimeError) and "RESOURCE_EXHAUSTED" not in str(error):
            raise
        reason = str(error).splitlines()[0] if str(error) else "no more memory"
        return _complain(f"{reason}\nGive smaller sizes; what was written before is whole.")
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        return _complain(
            f"{error.strerror or error}{where}\nWhat was written before is whole; the same command goes on from there."
        )
    except KeyboardInterrupt:
        say("\nInterrupted; the same command goes on where it stopped.")
        return INTERRUPTED


def command() -> str:
    """Returns what to type to run this process again: `python -m`, as a script finds its imports only so."""
    program = _module()
    return shlex.join(["python", *(["-m", program] if program else sys.argv[:1]), *sys.argv[1:]])


def _module() -> str | None:
    """Returns the name that `python -m` was given, a package's where its `__main__` runs; None after anything else."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return spec.name.removesuffix(".__main__") if spec else None


def _folder(workdir: str) -> Path:
    try:
        return Path(workdir).expanduser()
    except RuntimeError as error:
        raise ExperimentError(f"--workdir={workdir}: there is no user of that name.") from error


def _complain(message: str) -> int:
    say("\n".join(f"error: {message}".splitlines()[:3]))
    return 2


def _parse(
    argv: Sequence[str], default_config: str, options: Sequence[Option]
) -> tuple[config_dict.ConfigDict, str, flags.FlagValues]:
    """Returns the config with its overrides, the path it came from, and the other flags.

    `config_flags.DEFINE_config_file` would read the file through a loader that Python is about to drop, keep its
    module and bytecode for the next one, and mix errors in the file with errors in the flags. So the file is read
    first, and `config_flags` gets its content.
    """
    try:
        file_flag = flags.FlagValues()
        file_flag.set_gnu_getopt(True)
        flags.DEFINE_string("config", default_config, "", flag_values=file_flag)
        rest = file_flag(argv, known_only=True)
        path = str(file_flag["config"].value)
        config = _lists_as_text(_load(path))
        _check_names(rest, config)
        rest = _last_of_each(rest)

        values = flags.FlagValues()
        values.set_gnu_getopt(True)
        flags.DEFINE_string("workdir", None, "", flag_values=values)
        flags.DEFINE_bool("help", False, "", short_name="h", flag_values=values)
        flags.DEFINE_bool("helpfull", False, "", flag_values=values)
        for option in options:
            if option.choices is None:
                flags.DEFINE_string(option.name, option.default, "", flag_values=values)
            else:
                flags.DEFINE_enum(option.name, option.default, option.choices, "", flag_values=values)
        config_flags.DEFINE_config_dict("config", config, flag_values=values, sys_argv=rest)
        stray = values(rest)[1:]
    except flags.UnrecognizedFlagError as error:
        raise ExperimentError(f"{error}.{_meant(error.flagname, config, options)}") from error
    except (flags.Error, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ExperimentError(str(error)) from error
    if stray:
        raise ExperimentError(f"Unexpected argument {stray[0]!r}: everything is given as --name=value; see --help.")
    return cast(config_dict.ConfigDict, values["config"].value), path, values


def _load(given: str) -> config_dict.ConfigDict:
    """Calls `get_config` of the file at a path; what follows a colon is passed on to it.

    A path that leads nowhere from here is sought in the clone, so that a study runs from any folder.
    """
    path, *argument = given.split(":", 1)
    if not Path(path).is_file() and (CLONE / path).is_file():
        path = str(CLONE / path)
    if not Path(path).is_file():
        raise ExperimentError(f"--config={path}: there is no such file.")
    try:
        module = runpy.run_path(path)
        if "get_config" not in module:
            raise ExperimentError(f"--config={path}: the file defines no function get_config().")
        config = module["get_config"](*argument)
    except ExperimentError:
        raise
    except (Exception, SystemExit) as error:
        frames = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
        line = error.lineno if isinstance(error, SyntaxError) else frames[-1] if frames else None
        reason = error.msg if isinstance(error, SyntaxError) else error
        where = f", line {line}" if line else ""
        raise ExperimentError(f"--config={path}{where}: {type(error).__name__}: {reason}") from error
    if not isinstance(config, dict | config_dict.ConfigDict):
        raise ExperimentError(f"--config={path}: get_config() must return a ConfigDict, got {type(config).__name__}.")
    return config_dict.ConfigDict(cast(dict[str, Any], config))


def _lists_as_text(config: config_dict.ConfigDict) -> config_dict.ConfigDict:
    """Joins texts in tuples by commas; `config_flags` would take an override of a tuple apart by rules of its own."""
    for field, value in config.items():
        if isinstance(value, config_dict.ConfigDict):
            _lists_as_text(value)
        elif isinstance(value, tuple | list) and value and all(isinstance(item, str) for item in value):
            with config.ignore_type():
                config[field] = ",".join(value)
    return config


def _check_names(argv: Sequence[str], config: config_dict.ConfigDict) -> None:
    """Raises where an override names no field; `config_flags` would end in a traceback."""
    known = list(flatten(config.to_dict()))
    for argument in argv[1:]:
        override = re.match(r"--?(?:no)?config\.([^=]*)", argument)
        if override and override[1] not in known:
            fields = [f"--config.{field}" for field in known]
            hint = did_you_mean(f"--config.{override[1]}", fields) or " --help lists the fields."
            raise ExperimentError(f"--config.{override[1]}: the config has no such field.{hint}")


def _meant(flag: str, config: config_dict.ConfigDict, options: Sequence[Option]) -> str:
    """Returns a hint at the flags that one which there is not may stand for: `--config.hidden_size` for one."""
    known = [*(f"--config.{field}" for field in flatten(config.to_dict())), *(f"--{o.name}" for o in options)]
    exact = [name for name in known if name.rpartition(".")[2].lstrip("-") == flag]
    hint = f" Did you mean {' or '.join(exact)}?" if exact else did_you_mean(f"--{flag}", [*known, "--workdir"])
    return hint or " --help lists the flags."


def _last_of_each(argv: Sequence[str]) -> list[str]:
    """Drops all but the last override of a field; `config_flags` would join those of a tuple."""
    last = {argument.partition("=")[0].lstrip("-"): n for n, argument in enumerate(argv)}
    is_override = re.compile(r"--?config\.[^=]*=")
    return [a for n, a in enumerate(argv) if not is_override.match(a) or last[a.partition("=")[0].lstrip("-")] == n]
