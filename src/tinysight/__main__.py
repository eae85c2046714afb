"""``python -m tinysight`` is the ``tinysight`` command."""

from tinysight.cli import main

if __name__ == "__main__":
    main()
