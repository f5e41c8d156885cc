"""TCP looks per CPU-second against a local nginx, beside blackbox_exporter."""

from __future__ import annotations

from benchmarks._common import Row, nginx
from benchmarks._probes import compare
from salus.checks.tcp import Tcp


def main(quick: bool = False) -> list[Row]:
    """Measure looks that connect and hang up."""
    with nginx() as port:
        ours = {"tcp, connect": Tcp(port=port)}
        target = f"127.0.0.1:{port}"
        return compare("TCP checks", ours, module="tcp_connect", target=target, at_least=4, quick=quick)


if __name__ == "__main__":
    main()
