"""What the tests of the explorer share: a genome with genes, and a server that runs."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hnet_seq import HNetForCausalLM
from hnet_seq.tasks.annotations import read_annotation
from hnet_seq.tasks.exploring.explorer import Explorer
from hnet_seq.tasks.exploring.reading import Reader
from hnet_seq.tasks.exploring.sources import GenomeSource
from modalities import dna
from pipelines.formats.genome import Genome
from tests.conftest import make_model

BASES = 13_500
GFF = """chr1\tx\tgene\t12001\t12300\t.\t+\t.\tID=g1;Name=abcA
chr1\tx\tCDS\t12001\t12300\t.\t+\t0\tID=c1;Parent=g1;Name=abcA
chr1\tx\tCDS\t12401\t12700\t.\t-\t0\tID=c2;Name=abcB
chr1\tx\ttRNA\t12801\t12880\t.\t+\t.\tID=t1;Name=trnX
"""
TOKEN = "a-token-of-tests"


def of_dna(layout: str = "one stage", seed: int = 0) -> HNetForCausalLM:
    """An untrained model that cuts here and there."""
    model = make_model(layout, seed)
    model.metadata["modality"] = "dna"
    return model


def write_genome(folder: Path) -> Path:
    """Two records, and genes.gff beside them."""
    draw = np.random.default_rng(5)
    path = folder / "genome.fa"
    letters = ["".join(draw.choice(list("ACGT"), size)) for size in (BASES, 700)]
    path.write_text(
        f">chr1\n{letters[0][:9000]}NNNNN{letters[0][9005:]}\n>odd <name>\n{letters[1]}\n"
    )
    (folder / "genes.gff").write_text(GFF)
    return path


def explorer_of(path: Path, *models: HNetForCausalLM) -> Explorer:
    """An explorer of that genome with its genes."""
    genome = Genome(path, use_index=True)
    annotation = read_annotation(path.parent / "genes.gff", genome)
    names = ("one", "two")
    readers = [Reader(name, model.eval()) for name, model in zip(names, models, strict=False)]
    return Explorer(readers, GenomeSource(genome, annotation))


def reverse_complement(letters: str) -> str:
    return dna.decode(dna.reverse_complement(dna.encode(letters)))


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def values(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Running:
    """A server of this process."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/?token={TOKEN}"

    def ask(
        self,
        path: str,
        body: bytes | str | dict[str, Any] | None = None,
        *,
        method: str | None = None,
        headers: dict[str, str] | None = None,
        token: str | None = TOKEN,
    ) -> Answer:
        """A request with the token, and with what a page of the server sends."""
        own = {"Content-Type": "application/json", "Host": f"127.0.0.1:{self.port}"}
        if token is not None:
            own["Authorization"] = f"Bearer {token}"
        own |= headers or {}
        if isinstance(body, dict):
            body = json.dumps(body)
        line = http.client.HTTPConnection("127.0.0.1", self.port)
        line.putrequest(method or ("GET" if body is None else "POST"), path, skip_host=True)
        data = b"" if body is None else body.encode() if isinstance(body, str) else body
        if body is not None:
            own.setdefault("Content-Length", f"{len(data)}")
        for name, value in own.items():
            line.putheader(name, value)
        line.endheaders(data)
        found = line.getresponse()
        answer = Answer(found.status, found.read(), {k.lower(): v for k, v in found.getheaders()})
        line.close()
        return answer


def wanted(**values: Any) -> dict[str, Any]:
    """A question about a region."""
    keys = ("record", "start", "end", "pasted")
    return {"slot": "a", "model": 0, "strand": "+", **dict.fromkeys(keys), **values}


@contextmanager
def running(explorer: Explorer, spans: list[str], **about: Any) -> Iterator[Running]:
    """A server in a thread."""
    uvicorn = pytest.importorskip("uvicorn", reason="the extra explore is not installed")
    from hnet_seq.tasks.exploring.server import Server

    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    port = listening.getsockname()[1]
    regions = [explorer.whole(explorer.file, explorer.file.find(span)) for span in spans]
    names = {
        "checkpoints": [reader.name for reader in explorer.readers],
        "source": "genome.fa",
        "annotation": "genes.gff",
    }
    answering = Server(explorer, regions, names | about, TOKEN, port)
    config = uvicorn.Config(answering.app, log_config=None, lifespan="off", ws="none", http="h11")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    try:
        yield Running(port)
    finally:
        server.should_exit = True
        thread.join()
        answering.close()
        listening.close()
