# Pages, and what made them.


rule report:
    input:
        rules.pretrain.output,
        run_results,
    output:
        f"{RESULTS}/{{name}}/run/report.html",
    log:
        f"{RESULTS}/logs/{{name}}/report.log",
    threads: COUNT["threads"]
    resources:
        runtime=COUNT["runtime"],
        mem_mb=COUNT["mem_mb"],
    params:
        run=rules.pretrain.params.run,
    shell:
        "hnet-seq report {params.run:q} > {log:q} 2>&1"


rule report_labelled:
    input:
        rules.embed.output.about,
        rules.classify_labelled.output,
    output:
        f"{RESULTS}/{{name}}/labelled/{{labelled}}/report.html",
    log:
        f"{RESULTS}/logs/{{name}}/{{labelled}}/report.log",
    threads: COUNT["threads"]
    resources:
        runtime=COUNT["runtime"],
        mem_mb=COUNT["mem_mb"],
    params:
        folder=lambda wildcards, output: str(Path(output[0]).parent),
    shell:
        "hnet-seq report {params.folder:q} > {log:q} 2>&1"


rule versions:
    output:
        f"{RESULTS}/versions.txt",
    log:
        f"{RESULTS}/logs/versions.log",
    threads: COUNT["threads"]
    resources:
        runtime=COUNT["runtime"],
        mem_mb=COUNT["mem_mb"],
    params:
        snakemake=snakemake.__version__,
    shell:
        "(echo snakemake {params.snakemake:q} && hnet-seq info) > {output:q} 2> {log:q}"
