"""The paper's own architecture, profile `dlf-l`: published checkpoints load into it key by key
(architecture.md 4.1, 4.2).
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
