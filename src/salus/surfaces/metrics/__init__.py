"""``/metrics``: what is counted and how everything is, in the words of Prometheus."""
