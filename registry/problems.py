"""What a service may refuse, as plain exceptions; problem_json.py gives them their HTTP form.

Each names what the caller can do. The text is a sentence for people. `field` is the argument at fault, where there is one.
"""


class Problem(Exception):
    def __init__(self, text: str, *, field: str | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.field = field


class Invalid(Problem):
    """The value cannot be taken as it is; another one can."""


class NotFound(Problem):
    """What is meant does not exist (any more)."""


class Taken(Problem):
    """Something else has this number, code or key already."""


class Stale(Problem):
    """Somebody changed it meanwhile: read it again, then decide."""


class Forbidden(Problem):
    """They may see it and may not do this with it; somebody with another role can."""


class Several(Problem):
    """Several things are wrong, each with its field; nothing was done."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(p.text for p in problems))
        self.problems = problems
