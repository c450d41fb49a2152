"""What a page showed is freed once the page is written.

The contexts of templates and their macros hold each other, and the rows of a year with them: left to the garbage
collector, a hundred pages would pile up and then be looked through at once, while somebody waits for theirs.
"""

from __future__ import annotations

from typing import Any

from flask import Flask, g, has_request_context
from jinja2.runtime import Context


def register(app: Flask) -> None:
    """Have it done at the end of every request."""
    app.jinja_env.context_class = _Context
    app.teardown_request(_let_go)


class _Context(Context):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if has_request_context():
            g.setdefault("contexts", []).append(self)

    def let_go(self) -> None:
        """Forget all but what every page has: a template that was imported without context is used again."""
        self.vars.clear()
        for name in self.parent.keys() - self.environment.globals.keys():
            del self.parent[name]


def _let_go(_error: BaseException | None) -> None:
    for context in g.pop("contexts", ()):
        context.let_go()
