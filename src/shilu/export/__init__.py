"""Exports: the archive's articles as files that other programs read. One module a form."""
