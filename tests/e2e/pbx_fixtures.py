"""Fixtures: a real PBX and real phones, new for each test. A test must never meet another test's calls."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from hardware.asterisk.asterisk_root import Asterisk, find_asterisk
from hardware.asterisk.local_pbx import LocalPbx
from tests.e2e.phones import CONTACT_CENTRE, OFFICE_PHONES, PUBLIC_NETWORK, Phones
from tests.e2e.service import PATIENT, Service

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def asterisk() -> Asterisk:
    """The machine's own Asterisk, or the one in the checkout, built the first time."""
    return find_asterisk(CHECKOUT / ".pbx" / "root")


@pytest.fixture
def phone_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short path: baresip's recordings have room for no more."""
    return tmp_path_factory.mktemp("p")


@pytest_asyncio.fixture
async def pbx(asterisk: Asterisk, tmp_path: Path) -> AsyncIterator[LocalPbx]:
    """The local PBX, up. It is killed: an Asterisk that ends in the ordinary way waits a second."""
    async with LocalPbx(asterisk, tmp_path / "pbx") as running:
        yield running
        await running.kill()


@pytest_asyncio.fixture
async def public(phone_dir: Path) -> AsyncIterator[Phones]:
    """The public telephone network."""
    async with Phones(PUBLIC_NETWORK, phone_dir) as phones:
        yield phones


@pytest_asyncio.fixture
async def office(phone_dir: Path) -> AsyncIterator[Phones]:
    """The office's phones, 201 to 209."""
    async with Phones(OFFICE_PHONES, phone_dir) as phones:
        yield phones


@pytest_asyncio.fixture
async def contact_centre(phone_dir: Path) -> AsyncIterator[Phones]:
    """The contact centre's phones."""
    async with Phones(CONTACT_CENTRE, phone_dir) as phones:
        yield phones


@pytest_asyncio.fixture
async def service(pbx: LocalPbx, tmp_path: Path) -> AsyncIterator[Service]:
    """The service beside the local PBX, with its line up."""
    async with Service(tmp_path / "service") as running:
        await running.line_up()
        yield running


@pytest_asyncio.fixture
async def patient_service(pbx: LocalPbx, tmp_path: Path) -> AsyncIterator[Service]:
    """The same for many callers at once: it waits long for a key, and nothing rings by itself."""
    async with Service(tmp_path / "service", changes=PATIENT) as running:
        await running.line_up()
        yield running
