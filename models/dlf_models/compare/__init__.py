"""`dlf compare`: one page that shows what DLF and the classical codecs make of a picture.

`versions` codes the picture, `bits` tells where DLF's bits went, `page` puts both into one HTML
file from the template, style and script in the folder `page`.
"""
