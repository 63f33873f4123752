# What a trained model makes of its genome and of labelled sequences.


rule segment:
    input:
        trained=rules.pretrain.output,
        genome=cell("genome"),
    output:
        f"{RESULTS}/{{name}}/run/chunks.bed",
    log:
        f"{RESULTS}/logs/{{name}}/segment.log",
    wildcard_constraints:
        name=alternatives(BARE),
    threads: READ["threads"]
    resources:
        runtime=READ["runtime"],
        mem_mb=READ["mem_mb"],
        gpu=READ["gpu"],
    params:
        run=rules.pretrain.params.run,
        region=region,
        device=config["device"],
    shell:
        "hnet-seq segment {params.run:q} {input.genome:q} {params.region:q} {params.device:q} "
        "--bed {output:q} > {log:q} 2>&1"


rule segment_genes:
    input:
        trained=rules.pretrain.output,
        genome=cell("genome"),
        annotation=cell("annotation"),
    output:
        bed=f"{RESULTS}/{{name}}/run/chunks.bed",
        boundaries=f"{RESULTS}/{{name}}/run/boundaries.json",
        region=f"{RESULTS}/{{name}}/run/region.json",
    log:
        f"{RESULTS}/logs/{{name}}/segment.log",
    wildcard_constraints:
        name=alternatives(ANNOTATED),
    threads: READ["threads"]
    resources:
        runtime=READ["runtime"],
        mem_mb=READ["mem_mb"],
        gpu=READ["gpu"],
    params:
        run=rules.pretrain.params.run,
        region=region,
        device=config["device"],
    shell:
        "hnet-seq segment {params.run:q} {input.genome:q} {params.region:q} {params.device:q} "
        "--annotation {input.annotation:q} --bed {output.bed:q} --out {params.run:q} "
        "> {log:q} 2>&1"


rule classify_windows:
    input:
        trained=rules.pretrain.output,
        genome=cell("genome"),
        annotation=cell("annotation"),
    output:
        f"{RESULTS}/{{name}}/run/classification.json",
        f"{RESULTS}/{{name}}/run/probe.npz",
    log:
        f"{RESULTS}/logs/{{name}}/classify_windows.log",
    wildcard_constraints:
        name=alternatives(ANNOTATED),
    threads: READ["threads"]
    resources:
        runtime=READ["runtime"],
        mem_mb=READ["mem_mb"],
        gpu=READ["gpu"],
    params:
        run=rules.pretrain.params.run,
        options=config["classify_windows"],
        device=config["device"],
    shell:
        "hnet-seq classify train {params.run:q} --genome {input.genome:q} "
        "--annotation {input.annotation:q} {params.options:q} {params.device:q} "
        "--out {params.run:q} > {log:q} 2>&1"


# What a kill leaves of the vectors lies beside them, and is gone on with.
rule embed:
    input:
        trained=rules.pretrain.output,
        table=table,
    output:
        vectors=f"{RESULTS}/{{name}}/labelled/{{labelled}}/vectors.parquet",
        about=f"{RESULTS}/{{name}}/labelled/{{labelled}}/vectors.json",
    log:
        f"{RESULTS}/logs/{{name}}/{{labelled}}/embed.log",
    threads: READ["threads"]
    resources:
        runtime=READ["runtime"],
        mem_mb=READ["mem_mb"],
        gpu=READ["gpu"],
    params:
        run=rules.pretrain.params.run,
        device=config["device"],
    shell:
        "hnet-seq embed {params.run:q} {input.table:q} --label label {params.device:q} "
        "--out {output.vectors:q} > {log:q} 2>&1"


rule classify_labelled:
    input:
        trained=rules.pretrain.output,
        table=table,
    output:
        f"{RESULTS}/{{name}}/labelled/{{labelled}}/classification.json",
        f"{RESULTS}/{{name}}/labelled/{{labelled}}/probe.npz",
    log:
        f"{RESULTS}/logs/{{name}}/{{labelled}}/classify.log",
    threads: READ["threads"]
    resources:
        runtime=READ["runtime"],
        mem_mb=READ["mem_mb"],
        gpu=READ["gpu"],
    params:
        run=rules.pretrain.params.run,
        folder=lambda wildcards, output: str(Path(output[0]).parent),
        options=config["classify_labelled"],
        device=config["device"],
    shell:
        "hnet-seq classify train {params.run:q} --data {input.table:q} {params.options:q} "
        "{params.device:q} --out {params.folder:q} > {log:q} 2>&1"
