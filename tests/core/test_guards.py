"""The tests themselves stay on this machine and away from the user's files."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from pinflow.state.folder import paths


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
def test_no_test_can_reach_another_machine(address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as connection, pytest.raises(pytest.fail.Exception, match="another machine"):
        connection.connect((address, 9))


def test_no_test_asks_a_name_server() -> None:
    with pytest.raises(socket.gaierror, match=r"api\.pinterest\.com"):
        socket.create_connection(("api.pinterest.com", 443))


def test_a_test_can_connect_to_this_machine() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(("localhost", server.getsockname()[1])).close()


def test_state_and_caches_are_the_tests_own(tmp_path: Path) -> None:
    temporary = tmp_path.parent
    for folder in (paths.state_folder(os.environ), Path(paths.cache_file(os.environ, "x")), Path.home()):
        assert folder.is_relative_to(temporary)
