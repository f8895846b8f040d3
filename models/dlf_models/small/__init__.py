"""The convolutional profile of DLF: networks that the integer machine runs exactly, their training and export."""
