"""Salus inside an application: ``HealthSystem`` is its one object."""
