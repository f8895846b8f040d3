"""Export of a trained convolutional network: integer programs, tables, package."""
