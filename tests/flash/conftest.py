"""The small versions that go onto stand-in boards."""

import pytest
from small_firmware import Small


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    return Small(tmp_path_factory.mktemp("packages"))
