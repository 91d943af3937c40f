"""A process that hands pay-outs over and is killed: `dying_payer.py before|after`, the shop was asked."""

import os
import signal
import sys

import django


def main(when: str) -> None:
    from returns.payouts import Answer, hand_over
    from returns.services.payout_delivery import send_payouts

    usual = hand_over.Backend.pay

    def pay(self: hand_over.Backend, reference: str, body: bytes) -> Answer:
        if when == "after":
            usual(self, reference, body)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError

    hand_over.Backend.pay = pay
    send_payouts()


if __name__ == "__main__":
    django.setup()
    main(sys.argv[1])
