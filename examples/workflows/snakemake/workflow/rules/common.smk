# The sheet of samples, and what the rules ask of it and of the configuration.
import csv
import re
from pathlib import Path

import snakemake
import yaml
from jsonschema import Draft202012Validator
from snakemake.exceptions import WorkflowError
from snakemake.utils import validate


def listed(cell):
    """Paths between commas."""
    return [word.strip() for word in cell.split(",") if word.strip()]


def set_name(table):
    """A table of labelled sequences by the first word of its name."""
    return Path(table).name.partition(".")[0]


def rows_of(path):
    """Rows of a table with tabs, whose cells have no spaces around them.

    Raises WorkflowError with the file.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file, delimiter="\t", strict=True))
    except OSError as error:
        raise WorkflowError(
            f"{path}: {error.strerror}; samples names the sheet"
        ) from None
    except (ValueError, csv.Error) as error:
        raise WorkflowError(
            f"{path}: {error}; save it as UTF-8 with tabs between cells"
        ) from None
    if not rows:
        raise WorkflowError(f"{path}: has no row below its header; name a genome")
    return [
        {key: (cell or "").strip() if key else cell for key, cell in row.items()}
        for row in rows
    ]


def sheet(path):
    """Rows of the sheet of samples by name, with their sets of labelled sequences by name.

    Raises WorkflowError with the file and the line.
    """
    with open(workflow.source_path("../schemas/samples.schema.yaml")) as file:
        validator = Draft202012Validator(yaml.safe_load(file))
    found = {}
    for line, row in enumerate(rows_of(path), 2):
        place = f"{path}, line {line}"
        if None in row:
            raise WorkflowError(f"{place}: has more cells than the header")
        for error in validator.iter_errors(row):
            column = "".join(f"{name}: " for name in error.path)
            raise WorkflowError(f"{place}: {column}{error.message}")
        if row["name"] in found:
            raise WorkflowError(f"{place}: {row['name']} stands above, too; rename it")
        tables = listed(row.get("labelled", ""))
        row["sets"] = {set_name(table): table for table in tables}
        if len(row["sets"]) < len(tables):
            raise WorkflowError(f"{place}: tables of one name in labelled; rename one")
        found[row["name"]] = row
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
