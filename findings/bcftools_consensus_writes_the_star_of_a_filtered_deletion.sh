#!/usr/bin/env bash
# Guess: the allele `*` of VCF says that the base is gone in a deletion of an earlier row. Where that row was
# filtered out (`bcftools view -v snps`, a quality below a threshold), `bcftools consensus -H` has nothing to
# put there: it leaves the reference's base, or leaves the base out, or says that it cannot.
# Seen (bcftools in pysam 0.24.1): it writes the character `*` among the bases of the FASTA file, says only how
# many variants were applied, and exits 0. With the row of the deletion there it writes no star. htslib and
# pyfaidx read the star back as a letter of the sequence.
# It matters here: consensus files of phased samples are what haplotypes were pretrained and scored on before
# `--haplotypes` read the VCF itself (hnet_seq/tasks/sequences/haplotypes.py: a star puts nothing in place), and
# such a file is refused with the record's name, not read as an unknown base (tests/malformed).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pysam==0.24.1 pyfaidx==0.9.2.2
cat > "$work/seen.py" <<'PY'
import os
import sys
from pathlib import Path

import pysam
import pysam.bcftools
from pyfaidx import Fasta

os.chdir(sys.argv[1])
print("pysam", pysam.__version__, "with", pysam.version.__bcftools_version__, "of bcftools")
Path("g.fa").write_text(">c\nACGTACGTACGT\n")
HEADER = (
    "##fileformat=VCFv4.3\n##contig=<ID=c,length=12>\n"
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS\n"
)
# One haplotype lacks two bases; the other has another letter at one of them.
Path("both.vcf").write_text(HEADER + "c\t5\t.\tACG\tA\t.\t.\t.\tGT\t1|0\nc\t6\t.\tC\t*,T\t.\t.\t.\tGT\t1|2\n")
pysam.tabix_index("both.vcf", preset="vcf", keep_original=True)


def consensus(calls: str, haplotype: int) -> str:
    options = ("-H", f"{haplotype}", "-s", "S", "-f", "g.fa", calls)
    said = pysam.bcftools.consensus(*options, catch_stdout=True)
    Path("out.fa").write_text(said)
    letters = "".join(said.splitlines()[1:])
    print(f"{calls}, haplotype {haplotype}: {letters}")
    return letters


assert (consensus("both.vcf.gz", 1), consensus("both.vcf.gz", 2)) == ("ACGTATACGT", "ACGTATGTACGT")
pysam.bcftools.view("-v", "snps", "-O", "z", "-o", "snps.vcf.gz", "both.vcf.gz", catch_stdout=False)
pysam.tabix_index("snps.vcf.gz", preset="vcf")
assert consensus("snps.vcf.gz", 2) == "ACGTATGTACGT"
assert consensus("snps.vcf.gz", 1) == "ACGTA*GTACGT"
assert str(Fasta("out.fa")["c"]) == "ACGTA*GTACGT"
assert pysam.FastaFile("out.fa").fetch("c", 5, 6) == "*"
print("htslib and pyfaidx read a star at base 6")
PY
"$work/venv/bin/python" "$work/seen.py" "$work"
echo "as written above: the star stands among the bases"
