"""Explains refusals of Google Drive: whether to retry, and what the user can do."""

from googleapiclient.errors import HttpError

from clothes.collection.drive.auth import SIGN_IN
from clothes.errors import DriveError
from clothes.system.validation import parse_json

AGAIN = "Run the same command again later: it continues where it stopped."
UNSEEN = (
    "without --whole-drive clothes sees only its own files, and a service account sees only what was shared with it "
    "and is named by its link"
)
_TOO_FAST = {"rateLimitExceeded", "userRateLimitExceeded"}


class RefusedError(DriveError):
    """Drive refuses one file or folder. Others can continue. `status` is the HTTP status, or 0."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


def explained(error: HttpError) -> DriveError | None:
    """Returns what is wrong and what to do, or None if a retry helps (rate limit, 408, 429, 5xx)."""
    reason = _reason(error)
    if error.status_code in (408, 429) or error.status_code >= 500 or reason in _TOO_FAST:
        return None
    if reason in ("storageQuotaExceeded", "quotaExceeded"):
        return DriveError(
            "Google Drive has no room left for this account. Make room or get more (https://one.google.com/storage), "
            "then run the same command again: it continues where it stopped. A service account has no room of its own: "
            "give it a folder in a shared drive, or sign in as a person with --client."
        )
    if reason == "accessNotConfigured":
        return DriveError(
            "The Google Drive API is not enabled in the project of this sign-in. Enable it, wait a minute, try again: "
            "https://console.cloud.google.com/apis/library/drive.googleapis.com"
        )
    if reason == "dailyLimitExceeded":
        return DriveError(f"The project of this sign-in has used up its requests for today. {AGAIN}")
    if error.status_code == 401:
        return DriveError(f"Google does not take the sign-in. {SIGN_IN}")
    if error.status_code == 404 or reason in ("appNotAuthorizedToFile", "insufficientPermissions"):
        return RefusedError(f"it is not in Drive, or this sign-in may not see it: {UNSEEN}", error.status_code)
    return RefusedError(f"Drive refuses it: {error.reason} ({reason or error.status_code})", error.status_code)


def retry_after(error: HttpError) -> float:
    """Returns the seconds that Google asks to wait, at most ten minutes, or 0."""
    text = str(error.resp.get("retry-after", ""))
    return min(float(text), 600) if text.isdecimal() else 0


def _reason(error: HttpError) -> str:
    """Returns Google's code for the error, such as storageQuotaExceeded."""
    try:
        return str(parse_json(error.content)["error"]["errors"][0]["reason"])
    except (ValueError, LookupError, TypeError):
        return ""
