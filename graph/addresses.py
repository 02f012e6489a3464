"""Where a service is: which addresses only this machine reaches, and which URLs can be believed."""

from ipaddress import ip_address
from urllib.parse import urlsplit

ENDPOINT = "/graphql"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def is_trusted(url: str) -> bool:
    """Whether nobody on the way can change what the URL answers: https, or this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)))


def endpoint_at(host: str, port: int) -> str:
    """The URL of the GraphQL endpoint of a service that listens there."""
    return f"http://{f'[{host}]' if ':' in host else host}:{port}{ENDPOINT}"


def endpoint_of(url: str) -> str:
    """The URL of a service's GraphQL endpoint; where it has no path, it is taken as the service's own."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url  # who opens it says what is wrong
    return parts._replace(path=ENDPOINT).geturl() if parts.netloc and parts.path in ("", "/") else url
