"""An OpenID Connect provider for tests: real keys, behind a real HTTP server on a free port."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

AUDIENCE = "flowkeep"
SUBJECT = "ann"


class SigningKey:
    """A key pair that signs by one algorithm."""

    def __init__(self, algorithm: str = "RS256", kid: str = "one") -> None:
        self.algorithm, self.kid = algorithm, kid
        self.private: Any = _private(algorithm)

    def public(self, **changed: Any) -> dict[str, Any]:
        """The public half as a JWK."""
        kinds: dict[str, Any] = {
            "RS": RSAAlgorithm,
            "PS": RSAAlgorithm,
            "ES": ECAlgorithm,
            "Ed": OKPAlgorithm,
        }
        jwk = json.loads(kinds[self.algorithm[:2]].to_jwk(self.private.public_key()))
        named = {**jwk, "kid": self.kid, "use": "sig", "alg": self.algorithm} | changed
        return {name: value for name, value in named.items() if value is not None}

    def sign(self, claims: dict[str, Any], **header: Any) -> str:
        """A JWT with these claims."""
        return jwt.encode(claims, self.private, self.algorithm, {"kid": self.kid, **header})


def _private(algorithm: str) -> Any:
    if algorithm == "ES256":
        return generate_ec(SECP256R1())
    return Ed25519PrivateKey.generate() if algorithm == "EdDSA" else generate_rsa(65537, 2048)


class Provider:
    """Serves documents by their paths, and counts what is asked for."""

    def __init__(self, *keys: SigningKey) -> None:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                """Answer, and count."""
                provider.asked.append(self.path)
                time.sleep(provider.delay)
                provider.speaking.wait()
                status, body = provider.answer(self.path)
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", body.decode())
                    body = b""
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: Any) -> None:
                """Not on the terminal."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = False  # closing waits for what is being answered
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.asked: list[str] = []
        self.delay = 0.0
        self.speaking = threading.Event()
        self.speaking.set()
        self.failing = False
        self.documents: dict[str, Any] = {}
        self.documents["/.well-known/openid-configuration"] = {
            "issuer": self.url,
            "jwks_uri": f"{self.url}/jwks",
        }
        self.publish(*(key.public() for key in keys))

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Take requests and answer none of them, as long as the block."""
        self.speaking.clear()
        try:
            yield
        finally:
            self.speaking.set()

    def publish(self, *keys: dict[str, Any]) -> None:
        """Serve these keys, and no others."""
        self.documents["/jwks"] = {"keys": list(keys)}

    def answer(self, path: str) -> tuple[int, bytes]:
        """Status and body of an answer."""
        if self.failing or path not in self.documents:
            return 500, b"broken"
        document = self.documents[path]
        if isinstance(document, bytes):
            return 200, document
        return (302, document.encode()) if isinstance(document, str) else (200, json.dumps(document).encode())

    def wait_until_asked(self, times: int) -> None:
        """Wait until it was asked so often; it blocks."""
        while len(self.asked) < times:
            time.sleep(0.01)

    def claims(self, **changed: Any) -> dict[str, Any]:
        """The claims of a token that is good; None takes one away."""
        now = int(time.time())
        good = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": SUBJECT,
            "iat": now,
            "exp": now + 300,
            "scope": "read",
        }
        return {name: value for name, value in (good | changed).items() if value is not None}

    def __enter__(self) -> Self:
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *raised: object) -> None:
        self.server.shutdown()
        self.server.server_close()


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now
