#!/usr/bin/env nextflow
// From genomes to reports: a run for each row of the sheet of samples (docs/workflows.md).
include { SHARD ; PRETRAIN ; MARKOV ; SEGMENT ; SEGMENT_GENES ; CLASSIFY_WINDOWS } from './modules/hnetseq/main.nf'
include { REPORT ; LABELLED ; VERSIONS } from './modules/hnetseq/main.nf'

def listed(cell) {
    (cell ?: '').tokenize(',').collect { word -> file(word.trim(), checkIfExists: true) }
}

def meta_of(row) {
    [id: row.name, run: "${params.runs}/${row.name}", region: row.held_out ?: '']
}

workflow {
    file(params.runs).mkdirs()
    rows = channel
        .fromPath(params.samples, checkIfExists: true)
        .splitCsv(header: true, sep: '\t')

    SHARD(rows.map { row -> tuple(meta_of(row), listed(row.genome) + listed(row.more_genomes)) })
    PRETRAIN(SHARD.out)
    MARKOV(SHARD.out)

    kinds = rows.branch { row ->
        annotated: row.annotation
        bare: true
    }
    genes = kinds.annotated.map { row ->
        tuple(meta_of(row), file(row.genome, checkIfExists: true), file(row.annotation, checkIfExists: true))
    }
    bare = kinds.bare.map { row -> tuple(meta_of(row), file(row.genome, checkIfExists: true)) }
    SEGMENT(PRETRAIN.out.join(bare))
    SEGMENT_GENES(PRETRAIN.out.join(genes))
    CLASSIFY_WINDOWS(PRETRAIN.out.join(genes))

    // Of a bare genome there is markov.json alone.
    of_genes = SEGMENT_GENES.out.results
        .join(CLASSIFY_WINDOWS.out.results)
        .map { meta, boundaries, windows -> tuple(meta, boundaries + [windows]) }
    results = MARKOV.out
        .join(of_genes, remainder: true)
        .map { meta, markov, others -> tuple(meta, [markov] + (others ?: [])) }
    REPORT(PRETRAIN.out.join(results))

    tables = rows.flatMap { row -> listed(row.labelled).collect { table -> tuple(meta_of(row), table) } }
    LABELLED(PRETRAIN.out.combine(tables, by: 0))
    VERSIONS()
}
