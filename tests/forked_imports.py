"""What processes of tests would import on their way: the server of them imports it once for all."""

import importlib

# hnet_seq first: it sets how torch's threads wait.
for _module in ("hnet_seq", "hnet_seq.cli", "hnet_seq.tasks.pretrain", "torch._dynamo"):
    importlib.import_module(_module)
