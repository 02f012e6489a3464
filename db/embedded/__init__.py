"""The embedded PostgreSQL: what the service runs on when no FLOWKEEP_DATABASE_URL is given.

    with EmbeddedPostgres(default_data_dir()) as url:
        ...

For the operator:

- Everything is inside the data folder; folders.py lists what. A backup is `pg_dump` through the socket, or a
  copy of the whole folder while nothing runs. `log/` has the server's log of the last week.
- The server listens on a socket only, and asks for the generated password in the file `password`.
- Every process that names the same folder uses the same server. The first starts it, the last one out stops
  it. A server whose users were killed stays up and is joined, then stopped, by the next one.
- A server that is killed is started again by the processes that use it.
- Settings of your own: `ALTER SYSTEM SET ...`, then a restart or `SELECT pg_reload_conf()`.
- Run by root, PostgreSQL runs as the first of the users `flowkeep`, `postgres` and `nobody` that exists.

The interface is synchronous: it is called before an event loop runs and after it has ended.
"""

from db.embedded.errors import EmbeddedPostgresError
from db.embedded.folders import default_data_dir
from db.embedded.guard import guarded
from db.embedded.instance import EmbeddedPostgres

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresError", "default_data_dir", "guarded"]
