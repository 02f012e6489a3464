"""`flowkeep`, and `python -m flowkeep`."""

from graph.cli import main

if __name__ == "__main__":
    main()
