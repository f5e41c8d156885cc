"""The commands that ``manage.py`` gains."""
