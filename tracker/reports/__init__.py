"""The queries that read. A public module here is a report: TITLE, DESCRIPTION, COLUMNS, rows(session, scope).

A new report is one new file: the page, the menu, the CSV, the API and the command line pick it up by its name.
"""
