"""What can be refused.

Every refusal carries one sentence with a full stop, in the reader's language, that says what is wrong and what
to do; it may be shown as it is. `returns.middleware.RefusalMiddleware` turns a refusal into an HTTP answer.
"""

from typing import Any


class Refusal(Exception):
    """The base: something was asked for that the rules do not allow. Nothing was changed."""

    status_code = 422

    def __init__(self, sentence: Any) -> None:
        super().__init__(sentence)
        self.sentence = sentence

    def __str__(self) -> str:
        return str(self.sentence)


class NotFound(Refusal):
    """Not there, or not this actor's: the same answer for both."""

    status_code = 404


class Forbidden(Refusal):
    """The actor may see this, but not do it."""

    status_code = 403


class TransitionNotAllowed(Refusal):
    """The table of legal moves has no such move for this request now, or one of its guards refused."""

    status_code = 409


class SomebodyElseWasFirst(TransitionNotAllowed):
    """The request changed since the actor's page was drawn; the sentence says who did what, and when.

    `is_own`: it was the actor, from another page or by a form that was sent twice.
    """

    def __init__(self, sentence: Any, *, is_own: bool = False) -> None:
        super().__init__(sentence)
        self.is_own = is_own


class Invalid(Refusal):
    """What was entered cannot be used. `errors` maps a field's name ("" for the whole) to a sentence."""

    def __init__(self, sentence: Any, errors: dict[str, Any] | None = None) -> None:
        super().__init__(sentence)
        self.errors = errors if errors is not None else {"": sentence}


class KeyReused(Refusal):
    """The form's idempotency key was already used for something else."""


class TooMany(Refusal):
    """A limit was reached; `retry_after` says in how many seconds the actor may try again."""

    status_code = 429

    def __init__(self, sentence: Any, retry_after: int) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


class UnreadableFile(Refusal):
    """A file that cannot be read at all; the sentence says what it is and what to use instead."""
