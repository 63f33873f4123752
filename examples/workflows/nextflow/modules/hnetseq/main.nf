// Each verb of the main job as a process. meta has id (of the run), run (its folder, by its absolute
// path) and region (what of the genome is cut). The run folder is no output: it outlives a task that
// is killed, whose next try goes on from its checkpoints. `trained` says that it is complete.

process SHARD {
    tag "${meta.id}"
    label 'count'

    input:
    tuple val(meta), path(genomes, stageAs: 'genomes/?/*')

    output:
    tuple val(meta), path('shards')

    script:
    """
    hnet-seq shard ${genomes} --out shards --validation '${params.validation}' --workers ${task.cpus}
    """
}

process PRETRAIN {
    tag "${meta.id}"
    label 'pretrain'
    publishDir { "${params.outdir}/${meta.id}" }, mode: 'copy'

    input:
    tuple val(meta), path(shards)

    output:
    tuple val(meta), path('pretrained.sha256')

    script:
    """
    export OMP_NUM_THREADS=${task.cpus}
    hnet-seq pretrain ${params.experiment} ${params.overrides} --data ${shards} --out '${meta.run}' --continue ${params.device}
    last=\$(ls -d '${meta.run}'/checkpoints/step-* | sort -V | tail -n 1)
    cat "\$last/checkpoint.sha256" > pretrained.sha256
    """
}

process MARKOV {
    tag "${meta.id}"
    label 'count'
    publishDir { "${params.outdir}/${meta.id}" }, mode: 'copy'

    input:
    tuple val(meta), path(shards)

    output:
    tuple val(meta), path('markov.json')

    script:
    """
    hnet-seq markov ${shards} --mix --out markov.json
    """
}

process SEGMENT {
    tag "${meta.id}"
    label 'read'
    publishDir { "${params.outdir}/${meta.id}" }, mode: 'copy'

    input:
    tuple val(meta), path(trained), path(genome)

    output:
    tuple val(meta), path('chunks.bed')

    script:
    def region = meta.region ? "--region '${meta.region}'" : ''
    """
    export OMP_NUM_THREADS=${task.cpus}
    hnet-seq segment '${meta.run}' ${genome} ${region} --bed chunks.bed ${params.device}
    """
}

process SEGMENT_GENES {
    tag "${meta.id}"
    label 'read'
    publishDir { "${params.outdir}/${meta.id}" }, mode: 'copy'

    input:
    tuple val(meta), path(trained), path(genome), path(annotation)

    output:
    tuple val(meta), path('boundaries/*.json'), emit: results
    tuple val(meta), path('chunks.bed'), emit: bed

    script:
    def region = meta.region ? "--region '${meta.region}'" : ''
    """
    export OMP_NUM_THREADS=${task.cpus}
    hnet-seq segment '${meta.run}' ${genome} ${region} --annotation ${annotation} --bed chunks.bed --out boundaries ${params.device}
    """
}

process CLASSIFY_WINDOWS {
    tag "${meta.id}"
    label 'read'
    publishDir { "${params.outdir}/${meta.id}" }, mode: 'copy'

    input:
    tuple val(meta), path(trained), path(genome), path(annotation)

    output:
    tuple val(meta), path('windows/classification.json'), emit: results
    tuple val(meta), path('windows/probe.npz'), emit: probe

    script:
    """
    export OMP_NUM_THREADS=${task.cpus}
    hnet-seq classify train '${meta.run}' --genome ${genome} --annotation ${annotation} ${params.classify_windows} --out windows ${params.device}
    """
}

process REPORT {
    tag "${meta.id}"
    label 'count'
    publishDir { "${params.outdir}/${meta.id}" }, mode: 'copy'

    input:
    tuple val(meta), path(trained), path(results, stageAs: 'results/*')

    output:
    tuple val(meta), path('report.html')

    script:
    """
    mkdir page
    ln -s '${meta.run}'/* "\$PWD"/results/*.json page/
    hnet-seq report page --out report.html
    """
}

process LABELLED {
    tag "${meta.id} ${table.simpleName}"
    label 'read'
    publishDir { "${params.outdir}/${meta.id}/labelled" }, mode: 'copy'

    input:
    tuple val(meta), path(trained), path(table)

    output:
    tuple val(meta), path("${table.simpleName}/*")

    script:
    def out = table.simpleName
    """
    export OMP_NUM_THREADS=${task.cpus}
    hnet-seq embed '${meta.run}' ${table} --label label --out ${out}/vectors.parquet ${params.device}
    hnet-seq classify train '${meta.run}' --data ${table} ${params.classify_labelled} --out ${out} ${params.device}
    hnet-seq report ${out}
    """
}

process VERSIONS {
    label 'count'
    publishDir { params.outdir }, mode: 'copy'

    output:
    path 'versions.txt'

    script:
    """
    echo 'nextflow ${workflow.nextflow.version}' > versions.txt
    hnet-seq info >> versions.txt
    """
}
