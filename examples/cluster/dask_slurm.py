"""Workers that Slurm starts as they are needed, through dask-jobqueue: 2 to 64 single-core jobs.

python examples/cluster/dask_slurm.py embed run genomes.fa.gz --out vectors.parquet

Start it where it may run for hours and sees the same disks as the workers (docs/scale.md).
"""

from __future__ import annotations

import sys
from typing import Any

from hnet_seq.cli import main


def slurm_cluster(**options: Any) -> Any:
    """One process of one thread a job; a job ends by itself before Slurm ends it."""
    from dask_jobqueue import SLURMCluster

    return SLURMCluster(
        cores=1,
        processes=1,
        memory="8GB",
        walltime="04:00:00",
        worker_extra_args=["--lifetime", "230m", "--lifetime-stagger", "5m"],
        **options,
    )


if __name__ == "__main__":
    with slurm_cluster() as cluster:
        cluster.adapt(minimum=2, maximum=64)
        sys.exit(main([*sys.argv[1:], "--dask", cluster.scheduler_address]))
