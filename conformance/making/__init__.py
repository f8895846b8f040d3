"""How the vectors are made: files built byte by byte, with every rule of the format breakable."""
