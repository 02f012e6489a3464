"""The rules that schema and statements keep, so that a Citus takes them."""

import re
from pathlib import Path

import pytest

from db.distribution import REFERENCE
from db.partitions import TREE
from tests.distributed.rules import breaches

SCHEMA = (Path(__file__).parents[2] / "migrations" / "schema.sql").read_text()
KEYS = re.findall(
    r"ALTER TABLE ONLY public\.(\w+)\s+ADD CONSTRAINT (\w+) (?:PRIMARY KEY|UNIQUE) \((\w+)", SCHEMA
) + [
    (table, name, column)
    for name, table, column in re.findall(
        r"CREATE UNIQUE INDEX (\w+) ON (?:ONLY )?public\.(\w+) USING btree \((\w+)", SCHEMA
    )
]
LINKS = re.findall(
    r"ALTER TABLE public\.(\w+)\s+ADD CONSTRAINT (\w+) FOREIGN KEY \((\w+)[^)]*\) "
    r"REFERENCES public\.(\w+)\((\w+)[^)]*\) (ON DELETE [A-Z ]+)",
    SCHEMA,
)


def leads(table: str, column: str) -> bool:
    """Whether the column is the one by which the table is distributed."""
    return column == ("id" if table == "executions" else "execution_id")


def test_every_table_is_spread_or_everywhere() -> None:
    tables = set(re.findall(r"CREATE TABLE public\.(\w+)", SCHEMA))
    assert tables == {*TREE, *REFERENCE}


@pytest.mark.parametrize(("table", "name", "column"), [key for key in KEYS if key[0] in TREE])
def test_what_is_unique_in_the_tree_leads_with_the_execution(table: str, name: str, column: str) -> None:
    assert leads(table, column), name


@pytest.mark.parametrize("link", [link for link in LINKS if link[0] in TREE], ids=lambda link: link[1])
def test_foreign_keys_of_the_tree_lead_with_the_execution(link: tuple[str, ...]) -> None:
    table, name, column, other, referred, action = link
    # What is everywhere may be referred to from everywhere.
    assert other in REFERENCE or (leads(table, column) and leads(other, referred)), name
    assert "SET NULL" not in action


def test_the_schema_was_read() -> None:
    assert (len([key for key in KEYS if key[0] in TREE]), len(LINKS)) == (10, 7)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT id FROM executions WHERE parent_id = ANY($1) FOR UPDATE",
        "SELECT e.id FROM executions e WHERE e.status = 'PENDING' LIMIT 5 FOR NO KEY UPDATE SKIP LOCKED",
        "WITH RECURSIVE k AS (SELECT min(key) FROM states WHERE execution_id = ANY($1)) SELECT 1 FROM k",
        "SELECT c.* FROM unnest((SELECT $1::uuid[])) AS p(id) CROSS JOIN LATERAL "
        "(SELECT seq FROM steps s WHERE s.execution_id = p.id ORDER BY seq LIMIT 3) c",
        "SELECT e.id FROM workflows w CROSS JOIN unnest($1::text[]) AS s(status) CROSS JOIN LATERAL "
        "(SELECT e.id FROM executions e WHERE e.workflow_id = w.id ORDER BY e.id DESC LIMIT $2) e",
        "SELECT count(*) FROM (SELECT FROM executions WHERE status = 'RUNNING' LIMIT 5) r",
    ],
)
def test_what_no_citus_takes_is_found(statement: str) -> None:
    assert len(list(breaches([statement]))) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT id FROM executions WHERE id = $1::uuid FOR UPDATE SKIP LOCKED",
        "SELECT * FROM workflows w WHERE w.name = 'x' FOR SHARE",
        "WITH RECURSIVE k AS (SELECT min(key) FROM state_entries WHERE execution_id = $1) SELECT 1 FROM k",
        "SELECT c.* FROM executions p CROSS JOIN LATERAL (SELECT seq FROM steps s "
        "WHERE s.execution_id = p.id ORDER BY seq LIMIT 3) c WHERE p.id = ANY($1)",
        "SELECT c.* FROM unnest($1::uuid[]) AS p(id) CROSS JOIN LATERAL "
        "(SELECT * FROM executions c WHERE c.id = p.id) c",
    ],
)
def test_what_a_citus_takes_passes(statement: str) -> None:
    assert list(breaches([statement])) == []
