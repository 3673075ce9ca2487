"""Signs in to Google: a person with an OAuth client, or a service account with its key."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import google_auth_oauthlib.flow
from google.auth.credentials import Credentials
from google.auth.exceptions import GoogleAuthError, RefreshError, TransportError
from google.auth.transport.requests import Request
from google.oauth2 import credentials, service_account
from oauthlib.oauth2 import OAuth2Error
from requests import RequestException

from clothes.errors import DriveError
from clothes.system.files import write_text
from clothes.system.user_folders import config_folder
from clothes.system.validation import read_json

# Permissions, the smallest first: only the files of clothes; read all files; read and write all files.
Access = Literal["drive.file", "drive.readonly", "drive"]
SIGN_IN = (
    "Sign in with --client client_secret.json or --service-account key.json; docs/drive.md says how to get one of them."
)
_PATIENCE = 300  # seconds for the browser


def sign_in(
    access: Access, *, client: str | os.PathLike[str] | None = None, show: Callable[[str], object]
) -> Credentials:
    """Returns the credentials of a person, who signs in with the browser once.

    `client` is the file of an OAuth client of the type "Desktop app"; `show` opens the address of Google's page. The
    token is kept in the config folder, readable by its owner only, so that the next call needs no client. Raises
    DriveError.
    """
    path = config_folder() / f"token-{access}.json"
    about = None if client is None else _client(Path(client))
    token = _stored(path, access)
    if token is not None and (about is None or token.client_id == about["installed"].get("client_id")):
        try:
            if not token.valid:
                token.refresh(Request())
                _keep(path, token)
            return token
        except TransportError as error:
            raise DriveError(f"Google cannot be reached: {error}. Try again later.") from None
        except RefreshError as error:  # withdrawn or expired
            if about is None:
                raise DriveError(f"Google no longer takes the sign-in: {why(error)}. {SIGN_IN}") from None
    if about is None:
        raise DriveError(f"There is no sign-in to Google for this yet. {SIGN_IN}")
    token = _ask(about, access, show)
    _keep(path, token)
    return token


def service_credentials(access: Access, key: str | os.PathLike[str]) -> Credentials:
    """Returns the credentials of a service account from its key file. Raises DriveError."""
    try:
        about = read_json(Path(os.path.realpath(key)))
        return service_account.Credentials.from_service_account_info(about, scopes=[_scope(access)])
    except (OSError, ValueError, KeyError, TypeError, GoogleAuthError) as error:
        reason = str(getattr(error, "strerror", None) or error).rstrip(".")
        raise DriveError(
            f"{key} is not the key of a service account: {reason}. docs/drive.md says how to get one."
        ) from None


def why(error: GoogleAuthError) -> str:
    """Returns Google's own message without the full stop."""
    return str(error.args[0] if error.args else type(error).__name__).rstrip(".")


def _scope(access: Access) -> str:
    return f"https://www.googleapis.com/auth/{access}"


def _client(path: Path) -> dict[str, Any]:
    try:
        about: dict[str, Any] = read_json(Path(os.path.realpath(path)))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DriveError(f"The OAuth client {path} cannot be read: {reason}.") from None
    if not isinstance(about.get("installed"), dict):
        raise DriveError(
            f'{path} is not an OAuth client of the type "Desktop app". docs/drive.md says how to get one; the key of a '
            "service account goes with --service-account."
        )
    return about


def _stored(path: Path, access: Access) -> credentials.Credentials | None:
    try:
        about = read_json(path)
        stored = credentials.Credentials.from_authorized_user_info(about, scopes=[_scope(access)])
        token = stored.with_token_uri(about["token_uri"])
        token.expiry = stored.expiry
        return token
    except (OSError, ValueError, LookupError, TypeError, AttributeError):  # none yet, or damaged: sign in again
        return None


def _keep(path: Path, token: credentials.Credentials) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_text(path, token.to_json(), mode=0o600)
    except OSError as error:
        raise DriveError(
            f"The sign-in cannot be kept in {path.parent}: {error.strerror}. Name another folder by the environment "
            "variable CLOTHES_CONFIG."
        ) from None


class _Flow(google_auth_oauthlib.flow.InstalledAppFlow):  # type: ignore[misc]
    """Passes the address of Google's page to `show`. The library would print it."""

    show: Callable[[str], object]

    def authorization_url(self, **about: Any) -> tuple[str, str]:
        url, state = super().authorization_url(**about)
        self.show(url)
        return url, state


def _ask(about: dict[str, Any], access: Access, show: Callable[[str], object]) -> credentials.Credentials:
    try:
        flow = _Flow.from_client_config(about, [_scope(access)])
        flow.show = show
        return flow.run_local_server(
            host="127.0.0.1",
            port=0,
            open_browser=False,
            authorization_prompt_message=None,
            success_message="clothes is signed in. You may close this window.",
            timeout_seconds=_PATIENCE,
        )
    except google_auth_oauthlib.flow.WSGITimeoutError:
        raise DriveError(f"Nobody signed in within {_PATIENCE // 60} minutes. Run the same command again.") from None
    except (OAuth2Error, Warning) as error:  # Warning: the person granted other permissions
        raise DriveError(f"Google did not sign in: {error}. Run the same command again and allow access.") from None
    except RequestException as error:
        raise DriveError(f"Google cannot be reached: {error}. Try again later.") from None
    except (ValueError, KeyError) as error:
        raise DriveError(f"The OAuth client is not complete: {error}. docs/drive.md says how to get one.") from None
