"""What training and export of both architectures share; nothing here knows either of them."""
