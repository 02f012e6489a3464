"""What all connections of a process share, and uvicorn's configuration, which brings it to each of them."""

from dataclasses import dataclass
from typing import Any

import uvicorn

from graph.http.backlog import Backlog
from graph.http.crowd import Crowd, room_for
from graph.settings import Settings


@dataclass(frozen=True, slots=True)
class Door:
    """Who is there, and how much room and time each connection has."""

    crowd: Crowd
    backlog: Backlog
    max_header_bytes: int
    header_timeout: float
    frame_rate: int
    byte_rate: int
    max_fragments: int


def door_of(settings: Settings) -> Door:
    """The door that the settings describe."""
    return Door(
        Crowd(room_for(settings.max_connections, settings.pool_size), settings.max_address_connections),
        Backlog(settings.max_waiting_bytes, settings.write_timeout),
        settings.max_header_bytes,
        settings.header_timeout,
        settings.socket_frame_rate,
        settings.socket_byte_rate,
        settings.max_socket_fragments,
    )


class Config(uvicorn.Config):
    """uvicorn's configuration, with the door."""

    def __init__(self, app: Any, door: Door, **more: Any) -> None:
        super().__init__(app, **more)
        self.door = door
