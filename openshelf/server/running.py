"""Listens, runs the server until it is asked to stop, and lets running requests finish."""

from __future__ import annotations

import logging
import socket
from types import TracebackType

import uvicorn

from configs.errors import ConfigError
from configs.server import Server
from connectors.addresses import is_loopback
from openshelf.inspector.door import Key
from openshelf.server import tables
from openshelf.server.access import refuse_open_door
from openshelf.server.app import create_app
from openshelf.shelf import Shelf

log = logging.getLogger("openshelf.server")

_PATIENCE = 30  # seconds that running requests have at the end
_KEPT = 75  # seconds that an idle connection is kept: longer than clients keep theirs, so that they close first


class Listening:
    """A bound socket and the application behind it.

    Args:
        inspector: opens the inspector, which is served too; only on loopback.

    Raises:
        ConfigError: the address cannot be listened on, or others could reach it and there is no key.
    """

    def __init__(self, shelf: Shelf, settings: Server, *, inspector: Key | None = None) -> None:
        tables.ensure(shelf.ledger)
        refuse_open_door(shelf.ledger, settings.host)
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind((settings.host.strip("[]"), settings.port))
            self._socket.listen(2048)
        except OSError as error:
            self._socket.close()
            raise ConfigError(
                f"The server cannot listen on {settings.host}, port {settings.port}: {error.strerror or error}.",
                hint="Take another with --port, or stop what listens there.",
            ) from error
        host, port = self._socket.getsockname()[:2]
        self.url = f"http://[{host}]:{port}" if family == socket.AF_INET6 else f"http://{host}:{port}"
        self.loopback = is_loopback(host)
        try:
            self.app = create_app(shelf, settings, loopback=self.loopback, inspector=inspector)
        except ConfigError:
            self._socket.close()
            raise

    @property
    def base_url(self) -> str:
        """What a client of OpenAI's API is given."""
        return f"{self.url}/v1"

    @property
    def example(self) -> str:
        """A line to try it with."""
        key = "" if self.loopback else ' -H "Authorization: Bearer $OPENSHELF_KEY"'
        return f"curl{key} {self.base_url}/vector_stores"

    @property
    def socket(self) -> socket.socket:
        """The bound socket."""
        return self._socket

    def __enter__(self) -> Listening:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()


def run(listening: Listening) -> None:
    """Serve until SIGTERM or SIGINT. Requests that run are finished; a second signal ends at once."""
    config = uvicorn.Config(
        listening.app,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on",
        timeout_graceful_shutdown=_PATIENCE,
        timeout_keep_alive=_KEPT,
    )
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    server = uvicorn.Server(config)
    try:
        server.run(sockets=[listening.socket])
    except KeyboardInterrupt:
        # uvicorn raises the signal that ended it once more behind its shutdown.
        if not server.should_exit:
            raise
    log.info("Stopped.")
