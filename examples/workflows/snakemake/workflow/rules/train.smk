# Genomes to shards, and shards to a model and the counts to beat.


rule shard:
    input:
        inputs,
    output:
        directory(f"{RESULTS}/{{name}}/shards"),
    log:
        f"{RESULTS}/logs/{{name}}/shard.log",
    threads: COUNT["threads"]
    resources:
        runtime=COUNT["runtime"],
        mem_mb=COUNT["mem_mb"],
    params:
        validation=config["validation"],
    shell:
        "hnet-seq shard {input:q} --out {output:q} --validation {params.validation:q} "
        "--workers {threads} > {log:q} 2>&1"


# The log grows over restarts. checkpoint.sha256 of the last checkpoint tells others that it is new.
rule pretrain:
    input:
        rules.shard.output,
    output:
        f"{RESULTS}/{{name}}/pretrained.sha256",
    log:
        f"{RESULTS}/logs/{{name}}/pretrain.log",
    benchmark:
        f"{RESULTS}/logs/{{name}}/pretrain.benchmark.tsv"
    retries: config["retries"]
    threads: PRETRAIN["threads"]
    resources:
        runtime=PRETRAIN["runtime"],
        mem_mb=PRETRAIN["mem_mb"],
        gpu=PRETRAIN["gpu"],
    params:
        run=f"{RESULTS}/{{name}}/run",
        experiment=[config["experiment"], *config["overrides"]],
        device=config["device"],
    shell:
        "hnet-seq pretrain {params.experiment:q} --data {input:q} --out {params.run:q} --continue "
        "{params.device:q} >> {log:q} 2>&1 && "
        "last=$(ls -d {params.run:q}/checkpoints/step-* | sort -V | tail -n 1) && "
        'cat "$last/checkpoint.sha256" > {output:q}'


rule markov:
    input:
        rules.shard.output,
    output:
        f"{RESULTS}/{{name}}/run/markov.json",
    log:
        f"{RESULTS}/logs/{{name}}/markov.log",
    threads: COUNT["threads"]
    resources:
        runtime=COUNT["runtime"],
        mem_mb=COUNT["mem_mb"],
    shell:
        "hnet-seq markov {input:q} --mix --out {output:q} > {log:q} 2>&1"
