"""``python -m shilu``."""

from shilu.cli import main

main()
