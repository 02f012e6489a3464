"""Signing in at a provider: the code flow with PKCE, through a real browser."""

import base64
import hashlib
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from pydantic import SecretStr

from graph.settings import Settings
from tests.browser.conftest import Browse
from tests.client import Client
from tests.factories import Factory
from tests.graph.provider import AUDIENCE, Provider, SigningKey
from tests.serving import serving

CODE = "a-code"


class SignInProvider(Provider):
    """A provider that signs everybody in, once its token endpoint has seen the verifier of the challenge."""

    def __init__(self) -> None:
        self.key = SigningKey()
        super().__init__(self.key)
        self.challenge = ""
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                """The authorization endpoint, and documents."""
                url = urlsplit(self.path)
                if url.path != "/authorize":
                    return self.reply(200, provider.documents[url.path])
                asked = {name: values[0] for name, values in parse_qs(url.query).items()}
                provider.challenge = asked["code_challenge"]
                back = urlencode({"code": CODE, "state": asked["state"]})
                self.send_response(302)
                self.send_header("Location", f"{asked['redirect_uri']}?{back}")
                return self.end_headers()

            def do_POST(self) -> None:
                """The token endpoint."""
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                form = {name: values[0] for name, values in parse_qs(body).items()}
                digest = hashlib.sha256(form["code_verifier"].encode()).digest()
                challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
                if (form["code"], challenge) != (CODE, provider.challenge):
                    return self.reply(400, {"error": "invalid_grant"})
                return self.reply(200, {"access_token": provider.key.sign(provider.claims())})

            def reply(self, status: int, document: Any) -> None:
                """JSON that every page may read."""
                body = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Access-Control-Allow-Origin", "*")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: Any) -> None:
                """Not on the terminal."""

        self.server.RequestHandlerClass = Handler
        self.documents["/.well-known/openid-configuration"] |= {
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
        }


@pytest.fixture
def provider() -> Iterator[SignInProvider]:
    """A provider with one key."""
    with SignInProvider() as provider:
        yield provider


async def test_a_provider_signs_people_in(
    browse: Browse, client: Client, make: Factory, worker_url: str, provider: SignInProvider
) -> None:
    await make.execution(await make.workflow(name="nightly"))
    settings = Settings(
        database_url=SecretStr(worker_url),
        oidc_issuer=provider.url,
        oidc_audience=AUDIENCE,
        oidc_client_id="dashboard",
    )
    async with serving(settings) as url:
        page = await browse(url, provider.url)
        await page.open("/?window=all")
        await page.do("await page.getByRole('button', {name: /Sign in at/}).click()")
        await page.see("nightly", "tbody")
        assert (await page.do("return page.url()")).endswith("/?window=all")
        await page.do("await page.getByRole('button', {name: 'Sign out ann'}).click()")
        await page.see("You are signed out")
