"""Worker processes that do not outlive the process that started them."""

from __future__ import annotations

import os
import threading
import time


def watch_parent(parent: int) -> None:
    """End this process when the one that started it is gone: a kill -9 leaves no orphans.

    ``parent`` is told by the parent: it may be gone before this process can ask who it is.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
