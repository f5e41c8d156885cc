"""HTTP looks per CPU-second against a local nginx, beside blackbox_exporter."""

from __future__ import annotations

from benchmarks._common import Row, nginx
from benchmarks._probes import compare
from salus.checks.http import Http


def main(quick: bool = False) -> list[Row]:
    """Measure looks on fresh connections and on kept ones."""
    with nginx() as port:
        url = f"http://127.0.0.1:{port}/"
        ours = {
            "http, fresh connection": Http(url=url),
            "http, fresh, body checked": Http(url=url, status=200, body_contains="all is well"),
            "http, kept connection": Http(url=url, keep_alive=True),
        }
        return compare("HTTP checks", ours, module="http_2xx", target=url, at_least=6, quick=quick)


if __name__ == "__main__":
    main()
