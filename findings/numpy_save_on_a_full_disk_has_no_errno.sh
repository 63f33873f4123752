#!/usr/bin/env bash
# Guess: numpy.save into an open file that the system refuses to grow raises the OSError of that write: errno is
# ENOSPC or EFBIG, and `except OSError as error` can tell a full disk from anything else.
# Seen (numpy 2.4.6): for an io.BufferedWriter over a real file it writes past Python, with fwrite on a copy of the
# descriptor, and raises OSError("10000 requested and 112 written") with errno None; a wrapper's own write() never
# hears of it. A file object that is none of io's gets its bytes through write(), and the error has its errno.
# It matters here: an error must name the cause and the file. Kept vectors of hnet-seq benchmark were written so;
# tests/tasks/test_benchmark_vectors.py holds them to the cause.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6
cat > "$work/seen.py" <<'PY'
import errno
import resource
import signal
import sys

import numpy as np

print("numpy", np.__version__)
assert np.__version__ == "2.4.6"
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # as Python does itself
resource.setrlimit(resource.RLIMIT_FSIZE, (1024, resource.RLIM_INFINITY))


class Plain:
    def __init__(self, file):
        self.write = file.write


found = {}
for name, wrap in (("io.BufferedWriter", lambda file: file), ("an object with write()", Plain)):
    try:
        with open(f"{sys.argv[1]}/array.npy", "wb") as file:
            np.save(wrap(file), np.zeros(10_000))
    except OSError as error:
        found[name] = error.errno
        print(f"{name}: errno {error.errno}: {error}")
assert found == {"io.BufferedWriter": None, "an object with write()": errno.EFBIG}
PY
"$work/venv/bin/python" "$work/seen.py" "$work"
echo "as written above: the error of a refused write has no errno"
