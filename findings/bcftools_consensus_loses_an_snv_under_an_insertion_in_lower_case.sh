#!/usr/bin/env bash
# Guess: a haplotype with another letter at a base and, in the next row of that base, letters inserted behind it
# has both in what `bcftools consensus -H` writes, whether the reference is in upper or in lower case.
# Seen (bcftools in pysam 0.24.1): in upper case it has both. Where the reference is in lower case, as repeats of
# soft-masked genomes are, the inserted letters are there and the base is the reference's again; "Applied 2
# variants" is said of both, and it exits 0.
# It matters here: such genomes are what haplotypes are made of. `--haplotypes` puts both in place in either case
# (hnet_seq/tasks/sequences/haplotype.py), and studies/haplotype_windows.py gives bcftools the genome in upper case.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pysam==0.24.1
cat > "$work/seen.py" <<'PY'
import os
import sys
from pathlib import Path

import pysam
import pysam.bcftools

os.chdir(sys.argv[1])
print("pysam", pysam.__version__, "with", pysam.version.__bcftools_version__, "of bcftools")
Path("calls.vcf").write_text(
    "##fileformat=VCFv4.3\n##contig=<ID=c,length=12>\n"
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS\n"
    "c\t5\t.\tA\tG\t.\t.\t.\tGT\t1|0\nc\t5\t.\tA\tAT\t.\t.\t.\tGT\t1|0\n"
)
pysam.tabix_index("calls.vcf", preset="vcf", keep_original=True)
found = {}
for name, letters in (("upper", "ACGTACGTACGT"), ("lower", "ACGTacgtACGT")):
    Path(f"{name}.fa").write_text(f">c\n{letters}\n")
    options = ("-H", "1", "-s", "S", "-f", f"{name}.fa", "calls.vcf.gz")
    said = pysam.bcftools.consensus(*options, catch_stdout=True)
    found[name] = "".join(said.splitlines()[1:])
    print(f"{name} case: {found[name]}; {pysam.bcftools.consensus.get_messages().strip()}")
assert found == {"upper": "ACGTGTCGTACGT", "lower": "ACGTatcgtACGT"}
PY
"$work/venv/bin/python" "$work/seen.py" "$work"
echo "as written above: in lower case the G at base 5 is lost"
