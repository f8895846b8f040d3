"""The networks of DLF, their training, evaluation and export to model packages."""
