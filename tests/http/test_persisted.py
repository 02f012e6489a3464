"""Documents that a request names instead of bringing them."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from db.errors import NotReady
from graph.app import create_app
from graph.settings import Settings
from tests.client import Client
from tests.http.conftest import Serve

TEXT = "{ __typename }"
ANSWER = {"data": {"__typename": "Query"}}
NOT_FOUND, BAD = "PERSISTED_QUERY_NOT_FOUND", "BAD_USER_INPUT"


def sha256(text: str) -> str:
    """The hash as clients send it."""
    return hashlib.sha256(text.encode()).hexdigest()


def named(text: str, **more: Any) -> dict[str, Any]:
    """A request that names a document by its hash."""
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": sha256(text)}}, **more}


async def ask(client: Client, **body: Any) -> Any:
    """The whole answer, or the code of its first error."""
    answer = (await client.http.post(client.url, json=body)).json()
    return answer["errors"][0]["extensions"]["code"] if "errors" in answer else answer


async def test_an_unknown_hash_is_asked_for(client: Client) -> None:
    response = await client.http.post(client.url, json=named("{ health { version } } # never sent"))
    (error,) = response.json()["errors"]
    assert (error["message"], error["extensions"]["code"]) == ("PersistedQueryNotFound", NOT_FOUND)


async def test_a_document_is_kept_by_its_hash(serve_anew: Serve) -> None:
    client = await serve_anew()
    found = [await ask(client, **named(TEXT, **more)) for more in ({}, {"query": TEXT}, {})]
    assert found == [NOT_FOUND, ANSWER, ANSWER]


async def test_a_get_may_name_it(client: Client) -> None:
    await ask(client, **named(TEXT, query=TEXT))
    given = {"extensions": json.dumps(named(TEXT)["extensions"])}
    response = await client.http.get(client.url, params=given, headers={"X-Requested-With": "x"})
    assert response.json() == ANSWER


async def test_a_hash_of_something_else_is_refused(client: Client) -> None:
    assert await ask(client, **named("{ a }", query=TEXT)) == BAD


@pytest.mark.parametrize("text", ["{", "{ nope }", "{ a: __typename " * 99])
async def test_a_document_that_is_refused_is_not_kept(client: Client, text: str) -> None:
    await ask(client, **named(text, query=text))
    assert await ask(client, **named(text)) == NOT_FOUND


TRUSTED = {"typename": TEXT, "named": "query ($n: Int) { workflows(first: $n) { nodes { id } } }"}
FORMS: dict[str, Any] = {
    "an object": TRUSTED,
    "a manifest": {
        "format": "apollo-persisted-query-manifest",
        "version": 1,
        "operations": [{"id": id, "body": body, "name": id, "type": "query"} for id, body in TRUSTED.items()],
    },
}


@pytest.fixture(params=FORMS)
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file of trusted documents, in either form."""
    path = tmp_path / "trusted.json"
    path.write_text(json.dumps(FORMS[request.param]))
    return path


@pytest.mark.parametrize("name", ["typename", f"sha256:{sha256(TEXT)}", sha256(TEXT)])
async def test_a_trusted_document_goes_by_its_id_and_its_hash(
    serve_anew: Serve, file: Path, name: str
) -> None:
    client = await serve_anew(trusted_documents=file)
    assert await ask(client, documentId=name) == ANSWER


async def test_an_unknown_id_is_refused(serve_anew: Serve, file: Path) -> None:
    client = await serve_anew(trusted_documents=file)
    assert await ask(client, documentId="other") == NOT_FOUND


async def test_others_are_answered_beside_them(serve_anew: Serve, file: Path) -> None:
    client = await serve_anew(trusted_documents=file)
    assert await ask(client, query="{ a: __typename }") == {"data": {"a": "Query"}}


ONLY: dict[str, tuple[dict[str, Any], Any]] = {
    "its id": ({"documentId": "typename"}, ANSWER),
    "its hash": (named(TEXT), ANSWER),
    "its text": ({"query": TEXT}, ANSWER),
    "another text": ({"query": "{ a: __typename }"}, "FORBIDDEN"),
    "the same but for a blank": ({"query": TEXT + " "}, "FORBIDDEN"),
    "another hash": (named("{ a: __typename }"), "FORBIDDEN"),
    "another with its hash": (named("{ a: __typename }", query="{ a: __typename }"), "FORBIDDEN"),
    "another under the hash of one": (named(TEXT, query="{ a: __typename }"), "FORBIDDEN"),
    "another id": ({"documentId": "x"}, NOT_FOUND),
    "nothing": ({}, "FORBIDDEN"),
    "an empty text": ({"query": ""}, "FORBIDDEN"),
}


@pytest.mark.parametrize("name", ONLY)
async def test_only_trusted_documents_can_be_answered(serve_anew: Serve, tmp_path: Path, name: str) -> None:
    (file := tmp_path / "trusted.json").write_text(json.dumps(TRUSTED))
    client = await serve_anew(trusted_documents=file, trusted_only=True)
    assert await ask(client, **ONLY[name][0]) == ONLY[name][1]


BAD_FILES = {
    "no JSON": "{",
    "a list": "[]",
    "numbers": '{"a": 1}',
    "a manifest without bodies": '{"operations": [{"id": "a"}]}',
    "a document that does not parse": '{"a": "{"}',
    "a document that the schema can't answer": '{"a": "{ nope }"}',
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_keeps_the_service_from_starting(worker_url: str, tmp_path: Path, name: str) -> None:
    (file := tmp_path / "trusted.json").write_text(BAD_FILES[name])
    with pytest.raises(NotReady):
        create_app(Settings.model_validate({"database_url": worker_url, "trusted_documents": file}))


def test_a_file_that_is_not_there_too(worker_url: str, tmp_path: Path) -> None:
    given = {"database_url": worker_url, "trusted_documents": tmp_path / "none.json"}
    with pytest.raises(NotReady):
        create_app(Settings.model_validate(given))
