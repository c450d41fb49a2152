"""Pictures of reports as Vega-Lite specifications. A public module here draws the report of its name.

It has LABEL, what the picture shows in an English sentence, and `spec(rows, words)`: the specification, or None where
there is nothing to see. Colours are no part of it: they come with a theme. A table of the same figures stands behind
each. A new picture is one new file.
"""
