"""The paper's own architecture, profile `dlf-l`, docs/architecture.md 4.1.

Published checkpoints load into it key by key.
"""

from .checkpoint import CheckpointError, LoadReport, load_checkpoint
from .config import PaperConfig, load_paper_config
from .model import PaperModel

__all__ = [
    "CheckpointError",
    "LoadReport",
    "PaperConfig",
    "PaperModel",
    "load_checkpoint",
    "load_paper_config",
]
