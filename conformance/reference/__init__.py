"""A second .dlf decoder, from bytes to latents, written from core/BITSTREAM.md alone.

It shares no code with the C++ core or the `dlf` package. Each module follows one clause family:

    status    §1.5   the statuses, and the exception that carries one
    reading   §1     bytes, fixed-width integers and varints
    checksum  §2.4 and §4.2
    header    §2
    chunks    §3
    file      §4     the parts of a file and the order of checks
    entropy   §5.2 to §5.4
    tokens    §6
    latents   §7
    network   §8.1 to §8.3, running a program
    programs  §8.2 and §8.4, checking layers and programs
    package   A.1    the model package as an archive
    normative A.2    the normative part
    registry  Annex B
    decoder   §4.4 and §5: all of the above in their order
"""
