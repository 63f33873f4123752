#!/usr/bin/env bash
# The main job on one bacterial genome: shards, Markov baselines, pretraining, boundaries along
# predicted genes, a classifier on the learned chunks, and a report. Minutes on two cores.
set -euo pipefail
out=${1:?usage: demo.sh OUT_FOLDER}
data=$(cd "$(dirname "$0")" && pwd)/data/ecoli_536
genome=$data/genome.fna.gz
genes=$data/prodigal.gff.gz
held_out='gi|110640213|ref|NC_008253.1|:4445029-4938920' # the last 10%, 1-based and inclusive

rm -rf "$out"
mkdir -p "$out"
PS4='
$ '
set -x  # each command is shown before what it prints
hnet-seq shard "$genome" --out "$out/shards" --validation last:0.1
hnet-seq pretrain ecoli_counts --data "$out/shards" --out "$out/run"
hnet-seq markov "$out/shards" --mix --out "$out/run/markov.json"
hnet-seq segment "$out/run" "$genome" --region "$held_out" --annotation "$genes" \
  --bed "$out/run/chunks.bed" --out "$out/run"
hnet-seq classify train "$out/run" --genome "$genome" --annotation "$genes" \
  --test-region last:0.1 --out "$out/run"
hnet-seq report "$out/run"
