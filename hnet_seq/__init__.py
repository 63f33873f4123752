"""H-Net for sequences without a tokenizer."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from hnet_seq.own_packages import require as _require_own_packages
from hnet_seq.threads import choose_wait_policy

_require_own_packages()
WAIT_POLICY = choose_wait_policy()

if TYPE_CHECKING:
    from hnet_seq.analysis.paired_arms import Arms as Arms
    from hnet_seq.config import ExperimentConfig as ExperimentConfig
    from hnet_seq.estimators.classifier import HNetClassifier as HNetClassifier
    from hnet_seq.estimators.embedder import HNetEmbedder as HNetEmbedder
    from hnet_seq.estimators.regressor import HNetRegressor as HNetRegressor
    from hnet_seq.evidence.measures.score_rows import format_table as format_table
    from hnet_seq.evidence.measures.score_rows import score_row as score_row
    from hnet_seq.evidence.probes.sequence_features import (
        baseline_probabilities as baseline_probabilities,
    )
    from hnet_seq.experiments import load_experiment as load_experiment
    from hnet_seq.heads.head_config import HeadConfig as HeadConfig
    from hnet_seq.heads.one_hot import HNetOneHot as HNetOneHot
    from hnet_seq.heads.sequence_classification import (
        HNetForSequenceClassification as HNetForSequenceClassification,
    )
    from hnet_seq.heads.token_classification import (
        HNetForTokenClassification as HNetForTokenClassification,
    )
    from hnet_seq.model.auto import load_pretrained as load_pretrained
    from hnet_seq.model.boundary_policy import BoundaryPolicy as BoundaryPolicy
    from hnet_seq.model.boundary_policy import use_boundary_policy as use_boundary_policy
    from hnet_seq.model.causal_lm import HNetForCausalLM as HNetForCausalLM
    from hnet_seq.model.config import HNetConfig as HNetConfig
    from hnet_seq.model.generation import generate as generate
    from hnet_seq.model.masked_lm import HNetForMaskedLM as HNetForMaskedLM
    from hnet_seq.model.ratio_loss import ratio_loss as ratio_loss
    from hnet_seq.model.sampling import Sampling as Sampling
    from hnet_seq.peers.model import TransformersModel as TransformersModel
    from hnet_seq.results.read import read_result as read_result
    from hnet_seq.tasks.auditing.audit_files import audit as audit
    from hnet_seq.tasks.classification.frozen import classify as classify
    from hnet_seq.tasks.classification.task import Task as Task
    from hnet_seq.tasks.classification.task import task_from_data as task_from_data
    from hnet_seq.tasks.embedding.vectors import embed as embed
    from hnet_seq.tasks.embedding.vectors import embed_poolings as embed_poolings
    from hnet_seq.tasks.explaining.explanation import dependency_map as dependency_map
    from hnet_seq.tasks.explaining.explanation import explain as explain
    from hnet_seq.tasks.pretrain import pretrain as pretrain
    from hnet_seq.tasks.scoring.genes import score_genes as score_genes
    from hnet_seq.tasks.scoring.genome_markov import count_markov as count_markov
    from hnet_seq.tasks.scoring.haplotype_scores import score_haplotypes as score_haplotypes
    from hnet_seq.tasks.scoring.mutagenesis import saturation_mutagenesis as saturation_mutagenesis
    from hnet_seq.tasks.scoring.sequences import score as score
    from hnet_seq.tasks.scoring.variant_scores import score_variants as score_variants
    from hnet_seq.tasks.segmentation.records import segment as segment
    from hnet_seq.tasks.sequences.inputs import read_sequences as read_sequences
    from hnet_seq.tasks.shard import shard as shard
    from hnet_seq.tasks.zero_shot.run import zero_shot as zero_shot
    from hnet_seq.tasks.zero_shot.sources import zero_shot_data as zero_shot_data
    from hnet_seq.train.finetune import finetune as finetune
    from hnet_seq.train.finetune_config import FinetuneConfig as FinetuneConfig
    from hnet_seq.train.predict import predict as predict
    from hnet_seq.train.predict import predict_positions as predict_positions
    from modalities.errors import InputError as InputError
    from modalities.errors import UsageError as UsageError
    from pipelines.batches.token_batches import MixedSource as MixedSource
    from pipelines.batches.token_batches import TokenBatches as TokenBatches
    from pipelines.formats.annotation import read_gff as read_gff
    from pipelines.formats.fasta import read_fasta as read_fasta
    from pipelines.formats.genome import Genome as Genome
    from pipelines.formats.variants import Variant as Variant
    from pipelines.formats.variants import read_variants as read_variants
    from pipelines.own_loop.pipeline import webdataset_pipeline as webdataset_pipeline

__version__ = "0.1.0"

# Imported on first use: torch takes seconds, and ``hnet-seq --help`` needs none of it.
_HOMES = {
    "Arms": "hnet_seq.analysis.paired_arms",
    "BoundaryPolicy": "hnet_seq.model.boundary_policy",
    "ExperimentConfig": "hnet_seq.config",
    "FinetuneConfig": "hnet_seq.train.finetune_config",
    "Genome": "pipelines.formats.genome",
    "HNetClassifier": "hnet_seq.estimators.classifier",
    "HNetConfig": "hnet_seq.model.config",
    "HNetEmbedder": "hnet_seq.estimators.embedder",
    "HNetForCausalLM": "hnet_seq.model.causal_lm",
    "HNetForMaskedLM": "hnet_seq.model.masked_lm",
    "HNetForSequenceClassification": "hnet_seq.heads.sequence_classification",
    "HNetForTokenClassification": "hnet_seq.heads.token_classification",
    "HNetOneHot": "hnet_seq.heads.one_hot",
    "HNetRegressor": "hnet_seq.estimators.regressor",
    "HeadConfig": "hnet_seq.heads.head_config",
    "InputError": "modalities.errors",
    "MixedSource": "pipelines.batches.token_batches",
    "Sampling": "hnet_seq.model.sampling",
    "Task": "hnet_seq.tasks.classification.task",
    "TokenBatches": "pipelines.batches.token_batches",
    "TransformersModel": "hnet_seq.peers.model",
    "UsageError": "modalities.errors",
    "Variant": "pipelines.formats.variants",
    "audit": "hnet_seq.tasks.auditing.audit_files",
    "baseline_probabilities": "hnet_seq.evidence.probes.sequence_features",
    "classify": "hnet_seq.tasks.classification.frozen",
    "count_markov": "hnet_seq.tasks.scoring.genome_markov",
    "dependency_map": "hnet_seq.tasks.explaining.explanation",
    "embed": "hnet_seq.tasks.embedding.vectors",
    "embed_poolings": "hnet_seq.tasks.embedding.vectors",
    "explain": "hnet_seq.tasks.explaining.explanation",
    "finetune": "hnet_seq.train.finetune",
    "format_table": "hnet_seq.evidence.measures.score_rows",
    "generate": "hnet_seq.model.generation",
    "load_experiment": "hnet_seq.experiments",
    "load_pretrained": "hnet_seq.model.auto",
    "predict": "hnet_seq.train.predict",
    "predict_positions": "hnet_seq.train.predict",
    "pretrain": "hnet_seq.tasks.pretrain",
    "ratio_loss": "hnet_seq.model.ratio_loss",
    "read_fasta": "pipelines.formats.fasta",
    "read_gff": "pipelines.formats.annotation",
    "read_result": "hnet_seq.results.read",
    "read_sequences": "hnet_seq.tasks.sequences.inputs",
    "read_variants": "pipelines.formats.variants",
    "saturation_mutagenesis": "hnet_seq.tasks.scoring.mutagenesis",
    "score": "hnet_seq.tasks.scoring.sequences",
    "score_genes": "hnet_seq.tasks.scoring.genes",
    "score_haplotypes": "hnet_seq.tasks.scoring.haplotype_scores",
    "score_row": "hnet_seq.evidence.measures.score_rows",
    "score_variants": "hnet_seq.tasks.scoring.variant_scores",
    "segment": "hnet_seq.tasks.segmentation.records",
    "shard": "hnet_seq.tasks.shard",
    "task_from_data": "hnet_seq.tasks.classification.task",
    "use_boundary_policy": "hnet_seq.model.boundary_policy",
    "webdataset_pipeline": "pipelines.own_loop.pipeline",
    "zero_shot": "hnet_seq.tasks.zero_shot.run",
    "zero_shot_data": "hnet_seq.tasks.zero_shot.sources",
}

__all__ = sorted(["__version__", *_HOMES])  # noqa: PLE0605 (each name stands once)


def __dir__() -> list[str]:
    return list(__all__)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(importlib.import_module(_HOMES[name]), name)
    return found
