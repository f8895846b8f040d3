"""Image files of all formats: which files are images, how inputs expand, reading and writing them.

Above the codec and `dlf_pillow`, whose plugin it registers; below `dlf.batch`, `dlf_models` and
`dlf.cli`.
"""
