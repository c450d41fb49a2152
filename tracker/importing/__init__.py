"""A module here is a format of order files: from a table's rows to the events that webhooks would have brought.

It has a TITLE, its FIELDS (by our name, the columns under which the format has each, the first that is there counts),
NEEDED (of which some column must be there; a tuple: one of them) and `read(cells, shop) -> Told`, which raises
BadPayload for an order that cannot be read. One that writes an order over several rows adds `begins(cells)`.
"""
