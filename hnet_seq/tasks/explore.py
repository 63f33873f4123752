"""``hnet-seq explore``: the chunk explorer, served or as a file; arguments are in ``commands``."""

from __future__ import annotations

import argparse
import socket
import sys
from pathlib import Path
from typing import Any

import numpy as np

from hnet_seq.analysis.annotation import from_genes
from hnet_seq.analysis.gene_region import gene_richest_window
from hnet_seq.commands.explore import check_modality, import_web
from hnet_seq.model.auto import load_pretrained
from hnet_seq.results.explored import Explored
from hnet_seq.tasks.annotations import read_annotation
from hnet_seq.tasks.byte_documents import is_byte_modality
from hnet_seq.tasks.exploring.explorer import Explorer
from hnet_seq.tasks.exploring.page import about, saved_page
from hnet_seq.tasks.exploring.reading import Reader, settle
from hnet_seq.tasks.exploring.sources import (
    GenomeSource,
    Source,
    free_name,
    read_documents,
)
from hnet_seq.tasks.segmentation.records import check_model, check_stages
from modalities.errors import InputError, UsageError
from pipelines.formats.genome import Genome
from pipelines.formats.regions import Span
from pipelines.storage.files import replaced_file

FIRST = 2000  # bases that are shown when the page opens
_SCANNED = 1 << 20  # bases at the beginning of a record in which the first known one is looked for


def main(args: argparse.Namespace) -> int:
    """Run the verb."""
    explorer = open_explorer(args)
    names = {
        "checkpoints": _checkpoints(args),
        "source": args.genome,
        "annotation": Path(args.annotation).name if args.annotation else None,
    }
    regions = first_regions(explorer, args.region, maps=args.maps)
    if args.export:
        with replaced_file(Path(args.export)) as file:
            file.write(saved_page(about(explorer, **names), regions))
        print(args.export)
        return 0
    return serve(explorer, regions, names, args.port)


def open_explorer(args: argparse.Namespace) -> Explorer:
    """The models, and what they read.

    Raises:
        InputError: a model that has no boundaries, or reads something else than the other; or files
            that cannot be read.
    """
    models = _checkpoints(args)
    readers: list[Reader] = []
    for name, where in zip(_names(models), models, strict=True):
        model = load_pretrained(where, args.device)
        settle(model, args.device)
        reader = Reader(name, model)
        check_stages(model, where)
        if readers and reader.modality.vocabulary != readers[0].modality.vocabulary:
            said = f"reads {reader.modality.name}, {args.checkpoint} {readers[0].modality.name}"
            raise InputError(where, f"{said}; give two that read the same")
        readers.append(reader)
    modality = readers[0].modality.name
    check_modality(args, modality)
    source: Source | None = None
    if is_byte_modality(modality):
        source = read_documents(args.genome, modality) if args.genome else None
    else:
        for where, reader in zip(models, readers, strict=True):
            check_model(reader.model, where)
        if args.genome:
            genome = Genome(args.genome, use_index=True)
            annotation = None
            if args.annotation:
                annotation = read_annotation(args.annotation, genome)
                annotation.tell()
            source = GenomeSource(genome, annotation)
    return Explorer(readers, source)


def _checkpoints(args: argparse.Namespace) -> list[str]:
    return [args.checkpoint, *([args.beside] if args.beside else [])]


def _names(models: list[str]) -> list[str]:
    """The last two parts of each path, and a number where another model has these too.

    They stand in files that go from hand to hand: where things lie is nobody's business.
    """
    names: list[str] = []
    for where in models:
        path = Path(where)
        if not path.name or ".." in path.parts:
            path = path.resolve()
        parts = [own for own in path.parts if own != path.anchor]
        names.append(free_name("/".join(parts[-2:]) or "model", names))
    return names


def first_regions(explorer: Explorer, asked: list[str], *, maps: bool) -> list[Explored]:
    """What the page opens with: what is asked for, or a stretch with genes, or the first bases."""
    source = explorer.source
    if source is None:
        return []
    spans = [source.find(region) for region in asked] or [first_span(source)]
    return [explorer.whole(source, span, maps=maps) for span in spans]


def first_span(source: Source) -> Span:
    """Where there is something to see in the first record."""
    name, length = next(iter(source.lengths.items()))
    start = 0
    if isinstance(source, GenomeSource):
        genes = source.annotation.genes.records.get(name) if source.annotation else None
        if genes is not None and genes.coding:
            _, start = gene_richest_window(from_genes(genes).coding, 0, length, FIRST)
        else:
            known = source.letters((name, 0, min(length, _SCANNED))) < 4
            start = int(np.argmax(known)) if known.any() else 0
    return name, start, min(start + FIRST, length)


def serve(explorer: Explorer, regions: list[Explored], names: dict[str, Any], port: int) -> int:
    """Answer until Ctrl-C."""
    import_web()
    import uvicorn

    from hnet_seq.tasks.exploring.guard import new_token
    from hnet_seq.tasks.exploring.server import Server

    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
        listening.listen()  # whoever has the URL may come before the server runs
    except OSError as error:
        listening.close()
        raise UsageError("port", f"{port} cannot be had ({error.strerror}); give another") from None
    port, token = listening.getsockname()[1], new_token()
    answering = Server(explorer, regions, names, token, port)
    config = uvicorn.Config(
        answering.app, log_config=None, log_level="critical", access_log=False, server_header=False,
        lifespan="off", ws="none", http="h11", proxy_headers=False, timeout_graceful_shutdown=1,
    )  # fmt: skip
    print(f"http://127.0.0.1:{port}/?token={token}", flush=True)
    print("open it in a browser of this machine; Ctrl-C ends", file=sys.stderr)
    try:
        uvicorn.Server(config).run([listening])
    except KeyboardInterrupt:
        print(file=sys.stderr)
    finally:
        answering.close()
    return 0
