"""JWTs of a provider: what lets a caller in, what does not, and how often the provider is asked."""

import asyncio
import base64
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from db.enums import Scope
from db.errors import Unavailable
from graph.auth import fetching
from graph.auth.errors import Unauthenticated
from graph.auth.oidc import Oidc
from graph.auth.principals import Principal
from graph.auth.provider_keys import LIFETIME_SECONDS, PAUSE_SECONDS, ProviderKeys
from tests.graph.provider import AUDIENCE, SUBJECT, Clock, Provider, SigningKey

ALGORITHMS = ("RS256", "RS512", "PS256", "ES256", "EdDSA")


@pytest.fixture(scope="module")
def key() -> SigningKey:
    """The provider's key."""
    return SigningKey()


@pytest.fixture(scope="module")
def other_key() -> SigningKey:
    """A key that the provider comes to use, or never does."""
    return SigningKey(kid="two")


@pytest.fixture
def provider(key: SigningKey) -> Iterator[Provider]:
    """A provider with one key."""
    with Provider(key) as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    """When keys get old."""
    return Clock()


@pytest.fixture
def oidc(provider: Provider, clock: Clock) -> Oidc:
    """What is tested."""
    return made(provider, clock)


def made(provider: Provider, clock: Clock, url: str | None = None, claim: str = "scope") -> Oidc:
    """What is tested, for a provider."""
    return Oidc(provider.url, AUDIENCE, claim, ProviderKeys(provider.url, url, clock=clock))


async def refused(oidc: Oidc, token: str) -> str:
    """Why a token is not taken."""
    with pytest.raises(Unauthenticated) as raised:
        await oidc.verify(token)
    return str(raised.value)


def unsigned(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> str:
    """A token put together by hand."""
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


async def test_a_token_of_the_provider_lets_its_subject_in(
    provider: Provider, oidc: Oidc, key: SigningKey
) -> None:
    claims = provider.claims(scope="openid read WRITE")
    assert await oidc.verify(key.sign(claims)) == Principal(
        SUBJECT,
        frozenset((Scope.READ, Scope.WRITE)),
        f"oidc:{provider.url}#{SUBJECT}",
        datetime.fromtimestamp(claims["exp"], UTC),
    )


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("named", [True, False], ids=["alg", "no alg"])
async def test_every_public_key_algorithm_is_taken(clock: Clock, algorithm: str, named: bool) -> None:
    signing = SigningKey(algorithm)
    with Provider() as provider:
        provider.publish(signing.public(alg=algorithm if named else None))
        principal = await made(provider, clock).verify(signing.sign(provider.claims()))
    assert principal.may(Scope.READ)


@pytest.mark.parametrize(
    ("claim", "scopes"),
    [
        ("read", "READ"),
        ("READ  write\tadmin", "READ WRITE ADMIN"),
        ("flowkeep:read Flowkeep:Write", "READ WRITE"),
        (["read", "flowkeep:admin", 7, None, ["write"]], "READ ADMIN"),
        ("openid profile reader flowkeep: other:admin flowkeep:flowkeep:admin", ""),
        ("", ""),
        (None, ""),
        (7, ""),
        ({"read": True}, ""),
    ],
    ids=str,
)
async def test_scopes_come_from_their_claim(
    provider: Provider, oidc: Oidc, key: SigningKey, claim: object, scopes: str
) -> None:
    assert (await oidc.verify(key.sign(provider.claims(scope=claim)))).scopes == set(scopes.split())


async def test_the_claim_is_a_setting(provider: Provider, clock: Clock, key: SigningKey) -> None:
    oidc = made(provider, clock, claim="https://example.org/roles")
    claims = provider.claims(scope="admin", **{"https://example.org/roles": ["write"]})
    assert (await oidc.verify(key.sign(claims))).scopes == {Scope.WRITE}


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"exp": 1}, "expired"),
        ({"nbf": 2**33}, "not valid yet"),
        ({"iat": 2**33}, "not valid yet"),
        ({"iss": "https://elsewhere.example"}, "another issuer"),
        ({"iss": None}, "not a valid token"),
        ({"aud": "another"}, "another service"),
        ({"aud": ["another", "still"]}, "another service"),
        ({"aud": None}, "not a valid token"),
        ({"exp": None}, "not a valid token"),
        ({"exp": "soon"}, "not a valid token"),
        *(({"exp": exp}, "not a valid token") for exp in (10**12, 10**18, 10**30, 1e300, float("inf"))),
        ({"sub": None}, "not a valid token"),
        ({"sub": ""}, "not a valid token"),
        ({"sub": "x" * 256}, "not a valid token"),
        ({"sub": "two\nlines"}, "not a valid token"),
        ({"sub": "n\0l"}, "not a valid token"),
    ],
    ids=str,
)
async def test_claims_that_do_not_fit_are_refused(
    provider: Provider, oidc: Oidc, key: SigningKey, changed: dict[str, Any], why: str
) -> None:
    assert why in await refused(oidc, key.sign(provider.claims(**changed)))


async def test_one_audience_of_several_is_enough(provider: Provider, oidc: Oidc, key: SigningKey) -> None:
    assert await oidc.verify(key.sign(provider.claims(aud=["another", AUDIENCE])))


async def test_a_clock_may_differ_by_seconds(provider: Provider, oidc: Oidc, key: SigningKey) -> None:
    now = int(time.time())
    assert await oidc.verify(key.sign(provider.claims(exp=now - 3, nbf=now + 3, iat=now + 3)))
    assert "expired" in await refused(oidc, key.sign(provider.claims(exp=now - 11)))


async def test_an_issuer_is_compared_exactly(provider: Provider, oidc: Oidc, key: SigningKey) -> None:
    assert await refused(oidc, key.sign(provider.claims(iss=f"{provider.url}/")))


@pytest.mark.parametrize(
    "algorithm", ["none", "None", "", "HS256", "HS512", "ES256K", "RS1", None, 7, ["RS256"]]
)
async def test_other_algorithms_are_refused_unasked(
    provider: Provider, oidc: Oidc, algorithm: object
) -> None:
    assert await refused(oidc, unsigned({"alg": algorithm, "kid": "one"}, provider.claims(), b"x"))
    assert provider.asked == []


async def test_the_public_key_is_no_shared_secret(provider: Provider, oidc: Oidc, key: SigningKey) -> None:
    secret = key.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    hmac_algorithm = jwt.get_algorithm_by_name("HS256")
    signed = unsigned({"alg": "HS256", "typ": "JWT", "kid": "one"}, provider.claims()).rstrip(".")
    signature = base64.urlsafe_b64encode(hmac_algorithm.sign(signed.encode(), secret)).decode().rstrip("=")
    assert await refused(oidc, f"{signed}.{signature}")


async def test_a_shared_secret_among_the_keys_is_left_alone(provider: Provider, oidc: Oidc) -> None:
    secret = base64.urlsafe_b64encode(bytes(64)).decode().rstrip("=")
    provider.publish({"kty": "oct", "k": secret, "kid": "one"})
    token = jwt.encode(provider.claims(), bytes(64), "HS256", {"kid": "one"})
    assert await refused(oidc, token)


async def test_a_signature_must_be_the_keys(
    provider: Provider, oidc: Oidc, key: SigningKey, other_key: SigningKey
) -> None:
    good, forged = key.sign(provider.claims()), other_key.sign(provider.claims(), kid="one")
    head, _, signature = good.split(".")
    promoted = unsigned({}, provider.claims(scope="admin")).split(".")[1]
    for token in (
        forged,
        f"{head}.{promoted}.{signature}",
        good[:-4] + "AAAA",
        f"{good.rpartition('.')[0]}.",
    ):
        assert await refused(oidc, token) == "This is not a valid token."


async def test_a_key_is_good_for_its_own_algorithm_only(
    provider: Provider, oidc: Oidc, key: SigningKey
) -> None:
    assert await refused(oidc, jwt.encode(provider.claims(), key.private, "RS512", {"kid": "one"}))


async def test_a_key_in_the_token_itself_is_not_believed(
    provider: Provider, oidc: Oidc, other_key: SigningKey
) -> None:
    header = {"kid": "one", "jwk": other_key.public(), "jku": f"{provider.url}/theirs"}
    provider.documents["/theirs"] = {"keys": [other_key.public(kid="one")]}
    assert await refused(oidc, other_key.sign(provider.claims(), **header))
    assert "/theirs" not in provider.asked


async def test_extensions_that_must_be_understood_are_refused(
    provider: Provider, oidc: Oidc, key: SigningKey
) -> None:
    assert await refused(oidc, key.sign(provider.claims(), crit=["exp"]))


async def test_short_keys_are_refused(provider: Provider, oidc: Oidc) -> None:
    weak = SigningKey()
    weak.private = generate_private_key(65537, 1024)
    provider.publish(weak.public())
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        token = weak.sign(provider.claims())
    assert await refused(oidc, token)


@pytest.mark.parametrize("use", ["enc", "other"])
async def test_a_key_for_something_else_is_not_used(
    provider: Provider, oidc: Oidc, key: SigningKey, use: str
) -> None:
    provider.publish(key.public(use=use))
    assert await refused(oidc, key.sign(provider.claims()))


async def test_without_a_key_id_the_only_key_is_meant(
    provider: Provider, clock: Clock, key: SigningKey, other_key: SigningKey
) -> None:
    token = jwt.encode(provider.claims(), key.private, "RS256")
    assert await made(provider, clock).verify(token)
    provider.publish(key.public(), other_key.public())
    assert await refused(made(provider, clock), token)


@pytest.mark.parametrize(
    "text",
    ["x", "a.b", "a.b.c", "..", "e30.e30.", "ey" * 20_000, "é.é.é", "[" * 9000, "a.b.c.d", "\udc80.a.b"],
    ids=lambda text: text[:10].encode("ascii", "replace").decode(),
)
async def test_what_is_no_jwt_is_refused_unasked(provider: Provider, oidc: Oidc, text: str) -> None:
    assert await refused(oidc, text) == "This is not a valid token."
    assert provider.asked == []


async def test_deep_json_is_refused(oidc: Oidc) -> None:
    deep = base64.urlsafe_b64encode(b"[" * 9000).decode().rstrip("=")
    assert await refused(oidc, f"{deep}.e30.e30")


async def test_keys_are_fetched_once(provider: Provider, oidc: Oidc, key: SigningKey) -> None:
    for _ in range(3):
        await oidc.verify(key.sign(provider.claims()))
    assert provider.asked == ["/.well-known/openid-configuration", "/jwks"]


async def test_many_at_once_share_one_fetch(provider: Provider, oidc: Oidc, key: SigningKey) -> None:
    provider.delay = 0.05
    await asyncio.gather(*(oidc.verify(key.sign(provider.claims())) for _ in range(20)))
    assert provider.asked.count("/jwks") == 1


async def test_whoever_gives_up_waiting_stops_nobody_else(
    provider: Provider, oidc: Oidc, key: SigningKey
) -> None:
    provider.delay = 0.1
    first, second = (asyncio.create_task(oidc.verify(key.sign(provider.claims()))) for _ in range(2))
    await asyncio.sleep(0.05)
    first.cancel()
    assert (await second).name == SUBJECT


async def test_the_event_loop_goes_on_meanwhile(provider: Provider, oidc: Oidc, key: SigningKey) -> None:
    provider.delay = 0.5
    verifying = asyncio.create_task(oidc.verify(key.sign(provider.claims())))
    turns = 0
    while not verifying.done():
        await asyncio.sleep(0.005)
        turns += 1
    assert turns > 10


async def test_a_new_key_is_noticed_and_an_old_one_forgotten(
    provider: Provider, oidc: Oidc, clock: Clock, key: SigningKey, other_key: SigningKey
) -> None:
    old, new = key.sign(provider.claims()), other_key.sign(provider.claims())
    await oidc.verify(old)
    provider.publish(other_key.public())
    clock.now += PAUSE_SECONDS
    assert await oidc.verify(new)
    assert await refused(oidc, old)


async def test_a_key_that_was_taken_back_is_good_for_ten_minutes_at_most(
    provider: Provider, oidc: Oidc, clock: Clock, key: SigningKey
) -> None:
    token = key.sign(provider.claims())
    await oidc.verify(token)
    provider.publish()
    clock.now += LIFETIME_SECONDS - 1
    assert await oidc.verify(token)
    clock.now += 1
    assert await refused(oidc, token)


async def test_a_flood_of_unknown_keys_asks_the_provider_once(
    provider: Provider, oidc: Oidc, clock: Clock, key: SigningKey
) -> None:
    await oidc.verify(key.sign(provider.claims()))
    clock.now += PAUSE_SECONDS
    flood = [key.sign(provider.claims(), kid=f"made up {number}") for number in range(50)]
    answers = await asyncio.gather(*(refused(oidc, token) for token in flood))
    assert set(answers) == {"This is not a valid token."}
    assert [await refused(oidc, token) for token in flood] == answers
    assert provider.asked.count("/jwks") == 2


async def test_old_keys_stay_good_while_the_provider_is_down(
    provider: Provider, oidc: Oidc, clock: Clock, key: SigningKey
) -> None:
    token = key.sign(provider.claims())
    await oidc.verify(token)
    provider.failing = True
    for _ in range(3):
        clock.now += LIFETIME_SECONDS
        assert await oidc.verify(token)
    assert await refused(oidc, key.sign(provider.claims(), kid="two"))
    provider.failing = False


async def test_nobody_waits_for_a_provider_that_did_not_answer(
    provider: Provider, oidc: Oidc, clock: Clock, key: SigningKey
) -> None:
    token = key.sign(provider.claims())
    await oidc.verify(token)
    provider.failing = True
    clock.now += LIFETIME_SECONDS
    await oidc.verify(token)
    provider.failing, asked = False, len(provider.asked)
    clock.now += PAUSE_SECONDS
    with provider.silent():
        assert await oidc.verify(token)
        await asyncio.to_thread(provider.wait_until_asked, asked + 1)
    await asyncio.to_thread(provider.wait_until_asked, asked + 2)


async def test_without_any_keys_nothing_can_be_told(
    provider: Provider, oidc: Oidc, clock: Clock, key: SigningKey
) -> None:
    token = key.sign(provider.claims())
    provider.failing = True
    for _ in range(3):
        with pytest.raises(Unavailable):
            await oidc.verify(token)
    assert len(provider.asked) == 1
    provider.failing = False
    clock.now += PAUSE_SECONDS
    assert await oidc.verify(token)


async def test_keys_can_be_where_a_setting_says(provider: Provider, clock: Clock, key: SigningKey) -> None:
    provider.documents["/keys"] = provider.documents["/jwks"]
    oidc = made(provider, clock, url=f"{provider.url}/keys")
    await oidc.verify(key.sign(provider.claims()))
    assert provider.asked == ["/keys"]


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://elsewhere.example", "jwks_uri": "{url}/jwks"},
        {"issuer": "{url}", "jwks_uri": "http://192.0.2.1/jwks"},
        {"issuer": "{url}", "jwks_uri": "file:///etc/passwd"},
        {"issuer": "{url}", "jwks_uri": 7},
        {"issuer": "{url}"},
        ["{url}"],
        "{url}/moved",
        b"no json",
        b"[" * 5000,
    ],
    ids=str,
)
async def test_a_discovery_document_that_leads_astray_is_not_followed(
    provider: Provider, oidc: Oidc, key: SigningKey, document: Any
) -> None:
    if not isinstance(document, bytes):
        document = json.loads(json.dumps(document).replace("{url}", provider.url))
    provider.documents["/moved"] = provider.documents["/.well-known/openid-configuration"]
    provider.documents["/.well-known/openid-configuration"] = document
    with pytest.raises(Unavailable):
        await oidc.verify(key.sign(provider.claims()))
    assert provider.asked == ["/.well-known/openid-configuration"]


@pytest.mark.parametrize(
    "document", [{"keys": {}}, {}, [], b"null", b" " * (2**20 + 1)], ids=lambda d: str(d)[:9]
)
async def test_what_is_no_key_set_is_not_taken_for_one(
    provider: Provider, oidc: Oidc, key: SigningKey, document: Any
) -> None:
    provider.documents["/jwks"] = document
    with pytest.raises(Unavailable):
        await oidc.verify(key.sign(provider.claims()))


async def test_odd_members_of_a_key_set_are_left_out(provider: Provider, oidc: Oidc, key: SigningKey) -> None:
    odd: list[Any] = [
        None,
        7,
        {},
        {"kty": "RSA", "kid": "one"},
        {"kty": "RSA", "kid": "one", "n": 7, "e": []},
    ]
    provider.publish(*odd, key.public())
    assert await oidc.verify(key.sign(provider.claims()))


async def test_a_provider_that_takes_long_is_given_up(
    provider: Provider, oidc: Oidc, key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "TIMEOUT_SECONDS", 0.05)
    with provider.silent(), pytest.raises(Unavailable):
        await oidc.verify(key.sign(provider.claims()))
