"""What a script needs around its work. Imports nothing that reads the environment when it is loaded, as NumPy does."""

import json
import os
import signal
import sys
import time


class InputError(Exception):
    """Something that the person at the keyboard can mend; printed without a traceback."""


def run(main):
    """Runs a script: its figures to stdout as one JSON object, complaints to stderr and exit code 1."""
    script = os.path.basename(sys.argv[0])
    # A script that is stopped ends what it started and removes what it wrote.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        print(json.dumps(main()))
    except InputError as error:
        sys.exit(f"{script}: {error}")
    except OSError as error:
        if error.filename is None:
            raise
        sys.exit(f"{script}: {error.filename}: {error.strerror}.")
    except UnicodeDecodeError as error:
        sys.exit(f"{script}: expected files in UTF-8, got {error.reason}.")


def tell(text):
    print(text, file=sys.stderr, flush=True)


def positive(kind):
    """For argparse: an int or a float above 0."""

    def parse(text):
        value = kind(text)
        if not 0 < value < float("inf"):
            raise ValueError
        return value

    # argparse puts this into its message: invalid … value.
    parse.__name__ = f"{kind.__name__} above 0"
    return parse


class Stopwatch:
    """Adds up the time spent within `with`."""

    def __init__(self):
        self.seconds = 0.0

    def __enter__(self):
        self._started = time.perf_counter()

    def __exit__(self, *_):
        self.seconds += time.perf_counter() - self._started
