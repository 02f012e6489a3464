"""The subcommands of `flowkeep`, one a file."""
