"""A GraphQL client for tests: over HTTP, like everybody else's."""

from typing import Any

import httpx

from tests.mutations import document, plain


class Client:
    """Sends documents to one endpoint."""

    def __init__(self, url: str, http: httpx.AsyncClient) -> None:
        self.url = url
        self.http = http

    async def send(self, document: str, **variables: Any) -> dict[str, Any]:
        """The whole answer, which must be well-formed."""
        response = await self.http.post(self.url, json={"query": document, "variables": variables})
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    async def ask(self, document: str, **variables: Any) -> Any:
        """The data of an answer without errors."""
        answer = await self.send(document, **variables)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    async def refused(self, document: str, **variables: Any) -> tuple[str, str]:
        """Code and message of the first error of an answer with errors."""
        error = (await self.send(document, **variables))["errors"][0]
        return error["extensions"]["code"], error["message"]

    async def write(self, mutation: str, **input: Any) -> dict[str, Any]:
        """The member of the mutation's union that answers it, with its `__typename`."""
        answer: dict[str, Any] = (await self.ask(document(mutation), input=input))[mutation]
        return plain(answer)

    async def done(self, mutation: str, **input: Any) -> dict[str, Any]:
        """The payload of a mutation that is not refused."""
        answer = await self.write(mutation, **input)
        assert answer["__typename"].endswith("Payload"), answer
        return answer
