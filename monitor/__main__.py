"""``python -m monitor`` is the command ``modelmon``."""

from monitor.cli import main

main()
