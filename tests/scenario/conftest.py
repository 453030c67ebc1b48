"""Shared fixtures: a daemon and a sink for the tests that need nothing special."""
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "harness"))

from gurnard import Daemon, Sink  # noqa: E402


@pytest.fixture
def daemon():
    with Daemon() as running:
        yield running


@pytest.fixture
def sink():
    with Sink() as running:
        yield running
