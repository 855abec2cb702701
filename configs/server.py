"""The section ``server`` of the YAML."""

from __future__ import annotations

from pydantic import Field

from configs.section import Section


class Server(Section):
    """How ``openshelf serve`` listens and what it bears."""

    host: str = Field("127.0.0.1", description="Beyond this machine only with keys (`openshelf keys create`).")
    port: int = Field(8765, ge=0, le=65535, description="0: any that is free.")
    max_file_bytes: int = Field(512 * 1024 * 1024, gt=0, description="Of one uploaded file.")
    max_request_bytes: int = Field(8_000_000, gt=0, description="Of any other request.")
    requests_per_minute: int = Field(20_000, ge=0, description="For each key; more get 429. 0: no limit.")
    max_concurrent: int = Field(
        256, ge=1, description="Requests at once, and as many responses in the background; more get 429."
    )
