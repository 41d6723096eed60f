"""Runs experiments one after the other in one process: `python -m experiments.remedies.worker`.

A short training takes less time than to start Python, JAX and Matplotlib for it. A line of stdin is a job in JSON; for
each one its exit status is printed, and what it prints itself goes to its log. It ends with the process that began it,
also where that was killed: the same command may come again at once, and finds no folder in use.
"""

import json
import os
import runpy
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from pathlib import Path


def main() -> None:
    """Runs jobs until there are no more."""
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    with os.fdopen(os.dup(1), "w") as statuses:
        for line in sys.stdin:
            job = json.loads(line)
            print(run(job["module"], job["arguments"], Path(job["log"])), file=statuses, flush=True)


def run(module: str, arguments: Sequence[str], log: Path) -> int:
    """Runs `python -m module arguments` in this process and returns its exit status; what it prints goes to `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as file:
        for stream in (1, 2):  # what C++ prints as well
            os.dup2(file.fileno(), stream)
    sys.argv = [module, *arguments]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    except Exception:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return status


def _end_with(parent: int) -> None:
    """Ends this process when its parent is over; a training that is cut off goes on from its last checkpoint."""
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)


if __name__ == "__main__":
    main()
