"""Network building blocks and their assembly (see :mod:`dlf_models.networks.model`)."""
