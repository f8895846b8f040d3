"""The convolutional profile of DLF: networks that the integer machine runs exactly.

Their training and export too.
"""
