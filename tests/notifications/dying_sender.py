"""A sender that is killed at a step of its first conversation, or in a template: `dying_sender.py STEP`."""

import os
import signal
import sys
from typing import Any

import django


def die(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(step: str) -> None:
    from notifications import letters, mail, services

    usual = letters.render

    def render(kind: str, language: str, facts: Any) -> Any:
        if "poison" in facts.comments:
            die()
        return usual(kind, language, facts)

    mail.reached = lambda reached: die() if reached == step else None
    letters.render = render
    services.deliver_messages()


if __name__ == "__main__":
    django.setup()
    main(sys.argv[1])
