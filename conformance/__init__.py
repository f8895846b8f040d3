"""Conformance of .dlf decoders: vectors, a runner, and a reference decoder. See README.md."""
