"""The API under ``/api/v1``: one table, from which routing, validation, OpenAPI and the reference are made."""
