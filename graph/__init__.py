"""The API: HTTP, GraphQL, settings, process lifecycle and the command line; no SQL."""
