"""Reading refusals in tests."""

from typing import Any

from tests.client import Client


async def errors(client: Client, document: str, **variables: Any) -> list[dict[str, Any]]:
    """The errors of an answer, which must be a well-formed refusal: nothing in it that hides them."""
    body = {"query": document, "variables": variables}
    response = await client.http.post(client.url, json=body)
    answer = response.json()
    assert response.status_code in (200, 400), response.text
    data = answer.get("data")
    assert data is None or None in data.values() or None in data.get("nodes", []), data
    found: list[dict[str, Any]] = answer["errors"]
    return found


async def codes(client: Client, document: str, **variables: Any) -> set[str]:
    """The codes of an answer's errors."""
    return {error["extensions"]["code"] for error in await errors(client, document, **variables)}
