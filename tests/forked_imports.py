"""What processes of tests would import on their way: the server of them imports it once for all."""

import hnet_seq  # noqa: F401, I001  first: it sets how torch's threads wait

import hnet_seq.cli
import hnet_seq.tasks.pretrain
import torch._dynamo
import torch.distributed  # noqa: F401
