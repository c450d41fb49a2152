"""A module here is a report: TITLE, COLUMNS, rows(session, scope)."""
