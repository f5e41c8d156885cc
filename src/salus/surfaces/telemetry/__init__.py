"""OpenTelemetry: every recovery as a trace, the numbers of ``/metrics`` as instruments, the log with its traces.

A surface like the others: it shows, and never decides. It is loaded only where the config has a section ``telemetry``
or an application hands over its providers; then everything is exported on the SDK's own threads, from bounded queues.
"""
