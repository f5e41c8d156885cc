"""Looking at the machine that the tests run on."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

from salus.app.build import resolve
from salus.config import loads
from salus.config.init import describe_machine, write_config


def test_this_machine_is_described() -> None:
    machine = describe_machine()
    assert machine.memory > 0
    assert machine.disks[0].path == "/"
    assert machine.root == (os.geteuid() == 0)


def test_a_config_for_this_machine_resolves_to_real_checks_and_actions(tmp_path: Path) -> None:
    settings = loads(write_config(describe_machine()), folder=tmp_path, environ={})
    resolve(settings)


def test_listening_programs_and_their_pid_files_are_found(tmp_path: Path) -> None:
    code = "import socket; s = socket.create_server(('127.0.0.1', int(input()))); print('up', flush=True); input()"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin
        assert child.stdout
        port = free_port()
        child.stdin.write(f"{port}\n")
        child.stdin.flush()
        assert child.stdout.readline() == "up\n"
        (tmp_path / "folder").mkdir()
        (tmp_path / "folder" / "own.pid").write_text(f"{child.pid}\n")
        (tmp_path / "stale.pid").write_text("4194304999")
        (tmp_path / "broken.pid").write_text("é")
        (tmp_path / "salus.pid").write_text(str(os.getpid()))
        machine = describe_machine(tmp_path)
        child.stdin.write("\n")
        child.stdin.flush()
    assert [(one.address, one.program[:6]) for one in machine.listeners if one.port == port] == [
        ("127.0.0.1", "python")
    ]
    assert [one.path for one in machine.pid_files] == [str(tmp_path / "folder" / "own.pid")]


def free_port() -> int:
    """Find a port below those of all other tests: of the ports that are listened on, only the lowest are told."""
    for port in range(10_000, 15_000):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise AssertionError("no port is free")
