"""A Google service account: its key file, and access tokens fetched with an assertion signed by it.

Google's page "Using OAuth 2.0 for Server to Server Applications": a JWT signed with the key is posted to the token
endpoint, which answers with a token for an hour.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from configs.errors import AuthError, ConnectorError, MissingExtra
from connectors.addresses import is_loopback
from connectors.credentials import FetchedToken
from connectors.google_drive.errors import SCOPE, judge_token
from connectors.http import HttpClient

TOKEN_URL = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
"""The only place outside this machine that a signed assertion is sent to."""

_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_KEYS = ("client_email", "private_key", "token_uri")


class ServiceAccount:
    """One key.

    Args:
        info: the key file's content; kept here and shown nowhere.

    Attributes:
        mail: what folders and drives are shared with.
    """

    def __init__(self, info: dict[str, Any]) -> None:
        self.mail = str(info["client_email"])
        self._info = info

    def __repr__(self) -> str:
        return f"ServiceAccount({self.mail!r})"

    @classmethod
    def read(cls, file: Path | None, text: SecretStr | None) -> ServiceAccount:
        """The key from a file or from the text of one.

        Raises:
            ConnectorError: the file cannot be read.
            AuthError: it is no key of a service account.
        """
        where = "service_account_json" if file is None else str(file)
        if file is not None:
            try:
                content = file.read_text("utf-8")
            except (OSError, UnicodeError) as error:
                reason = error.strerror if isinstance(error, OSError) else "it is no text"
                raise ConnectorError(
                    f"The key file {where} cannot be read: {reason}.", hint="Check `service_account_file`."
                ) from None
        else:
            content = text.get_secret_value() if text else ""
        try:
            info = json.loads(content)
        except (ValueError, RecursionError):
            info = None
        if not isinstance(info, dict) or not all(isinstance(info.get(key), str) and info[key] for key in _KEYS):
            raise AuthError(
                f"{where} is no key of a service account.",
                hint="Create one in the Cloud console (IAM, Service accounts, Keys, Add key, JSON); it has "
                + ", ".join(f"`{key}`" for key in _KEYS)
                + ".",
            )
        return cls(info)

    def credentials(self, *, subject: str | None, api_url: str, timeout: float) -> FetchedToken:
        """Tokens of this account, or of ``subject`` in whose name it may act.

        Raises:
            AuthError: the key cannot be used, or names a token endpoint that is not Google's.
            MissingExtra: google-auth is not installed.
        """
        address = self._info["token_uri"]
        own = is_loopback(urlsplit(api_url).hostname or "") and is_loopback(urlsplit(address).hostname or "")
        if address != TOKEN_URL and not own:
            raise AuthError(
                "The key names a token endpoint that is not Google's; nothing was sent there.",
                hint=f"`token_uri` must be {TOKEN_URL}. Download the key again.",
            )
        try:
            from google.auth import crypt, jwt
        except ImportError:
            raise MissingExtra("Google Drive", "google") from None
        try:
            signer = crypt.RSASigner.from_service_account_info(self._info)
        except (ValueError, TypeError, KeyError):
            raise AuthError("The service account's private key cannot be read.", hint="Download it again.") from None

        def fetch() -> tuple[str, float | None]:
            now = int(time.time())
            claims = {"iss": self.mail, "scope": SCOPE, "aud": TOKEN_URL, "iat": now, "exp": now + 3600}
            if subject:
                claims["sub"] = subject
            form = {"grant_type": _GRANT, "assertion": jwt.encode(signer, claims).decode("ascii")}
            with HttpClient(address, judge=judge_token, timeout=timeout, max_bytes=1_000_000) as client:
                answer = client.post_json(address, form, form=True)
            token = answer.get("access_token") if isinstance(answer, dict) else None
            if not isinstance(token, str) or not token:
                raise AuthError("Google's token endpoint answered without a token.")
            seconds = answer.get("expires_in")
            return token, float(seconds) if isinstance(seconds, int | float) else None

        return FetchedToken(fetch)
