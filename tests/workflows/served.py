"""The command ``hnet-seq`` for workflow engines under test: each call is a forked process.

An engine starts commands by name, and each start of torch takes seconds. The script that it finds
asks this process, which forks one that has imported torch, and ends as that one ended.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import socketserver
import sys
import threading
from pathlib import Path
from unittest.mock import patch

from hnet_seq.cli import main
from hnet_seq.train.run_folder import RunFolder, step_of
from tests.forked import Forked

_SCRIPT = """#!{python} -IS
import json, os, socket, sys
with socket.create_connection(("localhost", {port})) as asked:
    told = {{"words": sys.argv[1:], "folder": os.getcwd(), "group": os.getpgrp()}}
    asked.sendall(json.dumps(told).encode() + b"\\n")
    code, out, err = json.loads(asked.makefile().read())
sys.stdout.write(out)
sys.stderr.write(err)
sys.exit(code)
"""


class Served:
    """A folder ``bin`` with the command, as long as the context is open.

    Args:
        folder: for ``bin`` and what the calls print.

    Attributes:
        kill_next_training: the next training ends at its first checkpoint after a step, with all
            of the group of processes that asked for it, as where a machine goes down.
    """

    def __init__(self, folder: Path) -> None:
        self.bin, self.kill_next_training = folder / "bin", False
        numbers = itertools.count()

        class Call(socketserver.StreamRequestHandler):
            def handle(call) -> None:
                told = json.loads(call.rfile.readline())
                kill = told["group"] if self.kill_next_training else 0
                if told["words"][0] == "pretrain":
                    self.kill_next_training = False
                name = f"call-{next(numbers)}"
                asked = (told["words"], told["folder"], kill)
                ended = Forked(_called, *asked, folder=folder, name=name).end()
                if ended.code != -signal.SIGKILL:  # else nobody is left to hear of it
                    call.wfile.write(json.dumps([ended.code, ended.out, ended.err]).encode())

        self._server = socketserver.ThreadingTCPServer(("localhost", 0), Call)
        self.bin.mkdir()
        script = self.bin / "hnet-seq"
        port = self._server.server_address[1]
        script.write_text(_SCRIPT.format(python=sys.executable, port=port))
        script.chmod(0o755)

    def __enter__(self) -> Served:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _called(words: list[str], folder: str, kill: int) -> int:
    os.chdir(folder)
    if kill and words[0] == "pretrain":
        finish = RunFolder.finish

        def finished(self: RunFolder, partial: Path) -> Path:
            target = finish(self, partial)
            if step_of(target):
                os.killpg(kill, signal.SIGKILL)
                os.kill(os.getpid(), signal.SIGKILL)
            return target

        patch.object(RunFolder, "finish", finished).start()
    return main(words)
