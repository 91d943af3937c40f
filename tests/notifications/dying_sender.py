"""A sender that is killed: `dying_sender.py STEP`.

It kills itself at that step of its first conversation, or in a template that has "poison" in its comments. With
the step "forever" it goes on sending, with short leases and small batches, until somebody else kills it.
"""

import os
import signal
import sys
import time
from datetime import timedelta
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
    if step == "forever":
        services.LEASE, services.BATCH = timedelta(seconds=1), 5
        while True:
            services.deliver_messages()
            time.sleep(0.05)
    services.deliver_messages()


if __name__ == "__main__":
    django.setup()
    main(sys.argv[1])
