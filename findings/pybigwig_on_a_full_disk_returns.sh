#!/usr/bin/env bash
# Guess: pyBigWig's close() raises where the file could not be finished: Python's own files do, and
# addEntries raises for entries that it refuses, so a script that came to its end has a whole bigWig.
# Seen (pyBigWig 0.3.29): on a full disk (here a limit on the size of a file, which the system tells in the
# same way) addEntries and close return, the process ends with 0, and a line on stderr, written by C code
# past sys.stderr, says "likely truncated". Where only the end did not fit, the file opens again and all its
# values are right, so reading some back finds nothing: its zoom levels are gone (0 of 5).
# It matters here: a browser draws such a track near and not from afar, under its final name. Tracks are
# read back before they take their name, to the number that ends them (hnet_seq/tasks/segmentation/bigwig_check.py).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pyBigWig==0.3.29 numpy==2.4.6
cat > "$work/seen.py" <<'PY'
import os
import resource
import signal
import sys
from importlib.metadata import version

import numpy
import pyBigWig

print("pyBigWig", version("pyBigWig"))
BASES, CHUNK = 3_000_000, 100_000
values = numpy.random.default_rng(0).random(BASES)


def write(path: str) -> None:
    track = pyBigWig.open(path, "w")
    track.addHeader([("one", BASES)])
    for start in range(0, BASES, CHUNK):
        track.addEntries("one", start, values=values[start : start + CHUNK].tolist(), span=1, step=1)
    track.close()


whole, short = f"{sys.argv[1]}/whole.bw", f"{sys.argv[1]}/short.bw"
write(whole)
size = os.path.getsize(whole)
child = os.fork()
if child == 0:
    # ignored, a write over the limit gives an error code to the library, as a full disk does
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(0.95 * size),) * 2)
    code = 0
    try:
        write(short)
    except Exception:
        code = 1
    os._exit(code)
code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
print(f"whole: {size:,} bytes; short: {os.path.getsize(short):,} bytes; writer's exit code {code}")
assert code == 0
assert os.path.getsize(short) < size


def seen(path: str) -> int:
    track = pyBigWig.open(path)
    for start in range(0, BASES, CHUNK):
        assert numpy.allclose(track.values("one", start, start + 10), values[start : start + 10])
    levels = track.header()["nLevels"]
    print(f"{os.path.basename(path)}: values right, {levels} zoom levels")
    return levels


assert (seen(whole), seen(short)) == (5, 0)
PY
"$work/venv/bin/python" "$work/seen.py" "$work"
echo "as written above: close() returns from a full disk"
