"""The model packages that come with DLF; `dlf models` lists them."""
