"""What processes of tests would import on their way: the server of them imports it once for all.

They choose penalties as the tests themselves do.
"""

import gc
import importlib

import pytest

# hnet_seq first: it sets how torch's threads wait.
for _module in (
    "hnet_seq",
    "hnet_seq.cli",
    "hnet_seq.tasks.pretrain",
    "hnet_seq.tasks.benchmark",
    "hnet_seq.tasks.classification.finetune",
    "hnet_seq.tasks.embed",
    "hnet_seq.tasks.score",
    "hnet_seq.tasks.segment",
    "sklearn.discriminant_analysis",
    "sklearn.model_selection",
    "sklearn.tree",
    "torch._dynamo",
):
    importlib.import_module(_module)
importlib.import_module("tests.few_penalties").take_few(pytest.MonkeyPatch())
importlib.import_module("tests.unsynced").wait_for_no_disk()
# Those that are forked share it with this process as long as nobody looks for garbage in it.
gc.freeze()
