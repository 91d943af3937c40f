from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from returns.management import demo_story
from returns.models import Seller


class Command(BaseCommand):
    help = "Fills an empty portal with the demo: known passwords, for this machine only."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError("The demo is switched off: it runs only with DEMO on a loopback SITE_URL.")
        if Seller.objects.exists():
            raise CommandError("There is data already: the demo fills only an empty portal.")
        with transaction.atomic():
            numbers = demo_story.fill()
        self.stdout.write(f"Demo buyer: {demo_story.DORA}, orders {', '.join(numbers)}")
