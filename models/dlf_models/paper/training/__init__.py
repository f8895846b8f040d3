"""Training of the paper's architecture: stages, losses and the start from two tokenizers.

See architecture.md 4.1 item 7.
"""
