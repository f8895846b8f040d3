"""Training of the paper's architecture: stages, losses and the start from two tokenizers (DESIGN 6.1 item 7)."""
