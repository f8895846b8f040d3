"""Export of a trained network to a model package (``dlf export``)."""

from .command import main as main
