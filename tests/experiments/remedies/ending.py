"""A job that prints what it is told to, and ends as it is told to: `python -m tests.experiments.remedies.ending yes 0`."""

import os
import pathlib
import signal
import sys
import time

if __name__ == "__main__":
    said, how, *files = sys.argv[1:]
    print(said, flush=True)
    if how == "raise":
        raise ValueError("no")
    if how == "die":
        os._exit(9)
    if how == "meet":  # until another one is there
        pathlib.Path(files[0]).touch()
        while not pathlib.Path(files[1]).exists():
            time.sleep(0.01)
    if how == "cores":
        print(len(os.sched_getaffinity(0)), os.getpid())
    if how == "sleep":
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        pathlib.Path(files[0]).touch()
        time.sleep(60)
        print("late")
    sys.exit(int(how) if how.isdigit() else 0)
