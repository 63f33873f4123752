# The sheet of samples, and what the rules ask of it and of the configuration.
import csv
import re
from pathlib import Path

import snakemake
from snakemake.exceptions import WorkflowError
from snakemake.utils import validate


def listed(cell):
    """Paths between commas."""
    return [word.strip() for word in cell.split(",") if word.strip()]


def set_name(table):
    """A table of labelled sequences by the first word of its name."""
    return Path(table).name.partition(".")[0]


def sheet(path):
    """Rows of the sheet of samples by name, with their sets of labelled sequences by name.

    Raises WorkflowError with the file and the line.
    """
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
    except OSError as error:
        raise WorkflowError(
            f"{path}: {error.strerror}; samples names the sheet"
        ) from None
    found = {}
    for line, row in enumerate(rows, 2):
        row = {key: value for key, value in row.items() if value is not None}
        try:
            validate(row, schema=workflow.source_path("../schemas/samples.schema.yaml"))
        except WorkflowError as error:
            raise WorkflowError(f"{path}, line {line}: {error}") from None
        if row["name"] in found:
            raise WorkflowError(
                f"{path}, line {line}: {row['name']} stands above, too; rename it"
            )
        tables = listed(row.get("labelled", ""))
        row["sets"] = {set_name(table): table for table in tables}
        if len(row["sets"]) < len(tables):
            raise WorkflowError(
                f"{path}, line {line}: tables of one name in labelled; rename one"
            )
        found[row["name"]] = row
    if not found:
        raise WorkflowError(f"{path}: has no row below its header; name a genome")
    return found


def alternatives(names):
    """The expression of a wildcard that is one of these."""
    return "|".join(re.escape(name) for name in names) or "(?!)"


def inputs(wildcards):
    """All genomes that a run is trained on."""
    row = SAMPLES[wildcards.name]
    return [row["genome"], *listed(row.get("more_genomes", ""))]


def cell(column):
    """A column of a sample's row."""
    return lambda wildcards: SAMPLES[wildcards.name][column]


def region(wildcards):
    """What of the genome is cut into chunks."""
    held_out = SAMPLES[wildcards.name].get("held_out")
    return ["--region", held_out] if held_out else []


def table(wildcards):
    """The labelled sequences of a set."""
    return SAMPLES[wildcards.name]["sets"][wildcards.labelled]


def run_results(wildcards):
    """What the page of a run is about."""
    files = ["markov.json", "chunks.bed"]
    if wildcards.name in ANNOTATED:
        files += ["boundaries.json", "classification.json"]
    return [f"{RESULTS}/{wildcards.name}/run/{file}" for file in files]


def pages():
    """Every page of every sample."""
    runs = [f"{RESULTS}/{name}/run/report.html" for name in SAMPLES]
    return runs + [
        f"{RESULTS}/{name}/labelled/{own}/report.html"
        for name, row in SAMPLES.items()
        for own in row["sets"]
    ]
