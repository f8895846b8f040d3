"""Export of a trained network to a model package (``dlf export``)."""
