"""Fixtures for the tests of Google Drive."""

from tests.support.drive import certificate, drive, key, oauth_client, server  # noqa: F401
