"""What a seller offers the buyer, and until when one is open."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("returns", "0019_payouts"),
    ]

    operations = [
        migrations.CreateModel(
            name="Offer",
            fields=[
                (
                    "event",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="offer",
                        serialize=False,
                        to="returns.returnevent",
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("keep_full", "Keep the item, full refund"),
                            ("keep_partial", "Partial refund"),
                            ("credit", "Keep the item, credit for a later order"),
                            ("discounted_label", "Return label at a lower price"),
                            ("free_label", "Free return label"),
                        ],
                        max_length=20,
                        verbose_name="kind",
                    ),
                ),
                ("amount_minor", models.BigIntegerField(blank=True, null=True)),
                ("currency", models.CharField(blank=True, max_length=3, verbose_name="currency")),
                ("valid_until", models.DateTimeField(verbose_name="valid until")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "Open"),
                            ("accepted", "Accepted"),
                            ("declined", "Turned down"),
                            ("withdrawn", "Withdrawn"),
                            ("lapsed", "Lapsed"),
                        ],
                        default="open",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                ("answered_at", models.DateTimeField(blank=True, null=True, verbose_name="answered")),
                (
                    "request",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="offers",
                        to="returns.returnrequest",
                    ),
                ),
                (
                    "seller",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="returns.seller"
                    ),
                ),
            ],
            options={
                "verbose_name": "offer",
                "verbose_name_plural": "offers",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "kind__in",
                                ["keep_full", "keep_partial", "credit", "discounted_label", "free_label"],
                            )
                        ),
                        name="offer_kind",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ["open", "accepted", "declined", "withdrawn", "lapsed"])
                        ),
                        name="offer_state",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("amount_minor__isnull", True), ("currency", ""), ("kind", "free_label")
                            ),
                            models.Q(
                                models.Q(("kind", "free_label"), _negated=True),
                                ("amount_minor__gt", 0),
                                ("amount_minor__isnull", False),
                                models.Q(("currency", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="offer_amount",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("answered_at__isnull", True), ("state", "open")),
                            models.Q(
                                models.Q(("state", "open"), _negated=True), ("answered_at__isnull", False)
                            ),
                            _connector="OR",
                        ),
                        name="offer_answered",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("state", "open")), fields=("request",), name="offer_one_open"
                    ),
                ],
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "open")), fields=["valid_until"], name="offer_to_lapse"
                    )
                ],
            },
        ),
        migrations.AddField(
            model_name="returnrequest",
            name="offer_until",
            field=models.DateTimeField(blank=True, null=True, verbose_name="offer open until"),
        ),
        migrations.AddConstraint(
            model_name="returnrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("offer_until__isnull", True),
                    ("status__in", ["authorization_required", "authorized", "refund_due"]),
                    _connector="OR",
                ),
                name="request_offer_while_open",
            ),
        ),
    ]
