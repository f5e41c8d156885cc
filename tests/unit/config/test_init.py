"""The first config that Salus writes for a machine."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from salus.config import Settings, loads
from salus.config.init import write_config
from salus.config.machine import Disk, Listener, Machine, PidFile, Unit

SERVER = Machine(
    hostname="shop",
    root=True,
    cores=4,
    memory=8 * 2**30,
    swap=2**30,
    disks=(
        Disk(path="/", filesystem="ext4", total=100 * 2**30),
        Disk(path="/srv/my data", filesystem="btrfs", total=2**40, inodes=False),
    ),
    listeners=(
        Listener(port=22, address="0.0.0.0", program="sshd"),
        Listener(port=80, address="::", program="nginx"),
        Listener(port=8080, address="10.0.0.5"),
    ),
    pid_files=(PidFile(path="/run/nginx.pid", program="nginx"),),
    units=(Unit(name="nginx", program="nginx"), Unit(name="postgresql", program="postgres")),
    docker="/run/docker.sock",
)


def read(machine: Machine) -> Settings:
    return loads(write_config(machine), environ={})


def test_what_is_written_is_valid_and_watches_what_is_there() -> None:
    settings = read(SERVER)
    assert settings.warnings == ()
    assert {name: check.kind for name, check in settings.checks.items()} == {
        "disk-root": "disk",
        "disk-srv-my-data": "disk",
        "memory": "memory",
        "swap": "swap",
        "load": "load",
        "sshd-22": "tcp",
        "nginx-80": "tcp",
        "port-8080": "tcp",
        "nginx-runs": "process",
        "docker": "http",
    }
    assert settings.checks["disk-srv-my-data"].options["path"] == "/srv/my data"
    assert settings.checks["sshd-22"].options == {"host": "127.0.0.1", "port": 22}
    assert settings.checks["nginx-80"].options == {"host": "::1", "port": 80}


def test_nothing_is_healed_until_a_person_says_so() -> None:
    settings = read(SERVER)
    assert [rule.name for rule in settings.rules] == ["restart-nginx[nginx-80]", "restart-nginx[nginx-runs]"]
    assert not any(rule.enabled for rule in settings.rules)
    assert list(settings.services) == ["nginx"]
    assert settings.services["nginx"].options["autostart"] is False


def test_the_alerts_that_are_commented_out_are_valid_too() -> None:
    head, _, rest = write_config(SERVER).partition("# alerts:\n")
    text = head + "alerts:\n" + "".join(f"{line.removeprefix('# ')}\n" for line in rest.splitlines())
    settings = loads(text, environ={})
    assert settings.warnings == ()
    assert settings.alerts.channels["ops"].kind == "webhook"
    assert [route.channels for route in settings.alerts.routes] == [("ops",), ("ops",)]
    assert [(rule.name, rule.bound) for rule in settings.alerts.rules if not rule.builtin] == [("memory-low", 0.05)]


def test_an_empty_machine_gets_a_config_too() -> None:
    assert set(read(Machine(hostname="box")).checks) == {"memory", "load"}


def test_the_same_machine_gets_the_same_text() -> None:
    assert write_config(SERVER) == write_config(SERVER)


def test_lines_are_short_and_comments_of_a_block_stand_in_one_column() -> None:
    text = write_config(SERVER)
    assert max(map(len, text.splitlines())) <= 120
    defaults = text.partition("defaults:\n")[2].partition("\n\n")[0].splitlines()[1:]
    assert len({line.index("  # ") for line in defaults}) == 1


words = st.text(min_size=1, max_size=12) | st.sampled_from(
    ["on", "5", "010", "null", "a: b", "${HOME}", "12:30", "-", "x y"]
)


@given(
    st.builds(
        Machine,
        hostname=words,
        disks=st.lists(
            st.builds(Disk, path=words, filesystem=words, total=st.integers(0, 2**60), inodes=st.booleans()), max_size=3
        ).map(tuple),
        listeners=st.lists(
            st.builds(Listener, port=st.integers(1, 65535), address=words, program=words | st.just("")), max_size=4
        ).map(tuple),
        pid_files=st.lists(st.builds(PidFile, path=words, program=words), max_size=3).map(tuple),
        units=st.lists(
            st.builds(Unit, name=st.sampled_from(["nginx", "redis", "on", "5"]), program=words),
            max_size=3,
            unique_by=lambda unit: unit.name,
        ).map(tuple),
        docker=words | st.just(""),
    )
)
def test_any_machine_gets_a_valid_config(machine: Machine) -> None:
    settings = read(machine)
    paths = [check.options["path"] for check in settings.checks.values() if check.kind == "disk"]
    assert paths == [disk.path for disk in machine.disks]
