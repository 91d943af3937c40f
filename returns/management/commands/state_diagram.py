from typing import Any

from django.core.management.base import BaseCommand

from returns.state_machine import diagram


class Command(BaseCommand):
    help = "Prints the table of legal moves as a Mermaid state diagram."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(diagram(), ending="")
