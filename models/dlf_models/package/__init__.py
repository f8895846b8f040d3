"""Model packages, written and read with NumPy alone (Annex A of `core/BITSTREAM.md`).

The C++ core is the authority on validity: it proves, among other things, that no sum overflows.
These modules check only what they need to write unambiguous bytes.
"""
