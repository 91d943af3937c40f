"""Parts of money beyond what was paid, their ceiling, and who gave what with which words."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("returns", "0017_rules_versions"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="refund",
            name="refund_part",
        ),
        migrations.RemoveConstraint(
            model_name="refund",
            name="refund_kind",
        ),
        migrations.RemoveConstraint(
            model_name="refund",
            name="refund_cause",
        ),
        migrations.AddField(
            model_name="marketplacesettings",
            name="concession_percent",
            field=models.PositiveSmallIntegerField(
                default=100,
                help_text="In percent of what was paid for the item. A seller can set less.",
                verbose_name="concessions up to",
            ),
        ),
        migrations.AddField(
            model_name="orderitem",
            name="extra_ceiling_minor",
            field=models.BigIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="orderitem",
            name="extra_refunded_minor",
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="refund",
            name="memo",
            field=models.CharField(blank=True, max_length=500, verbose_name="memo to the buyer"),
        ),
        migrations.AddField(
            model_name="refund",
            name="note",
            field=models.CharField(blank=True, max_length=255, verbose_name="note to yourself"),
        ),
        migrations.AddField(
            model_name="refund",
            name="user",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="seller",
            name="concession_percent",
            field=models.PositiveSmallIntegerField(blank=True, null=True, verbose_name="concessions up to"),
        ),
        migrations.AlterField(
            model_name="refund",
            name="cause",
            field=models.CharField(
                choices=[
                    ("event", "Refund of the request"),
                    ("promise", "Refund promise"),
                    ("offer", "Offer"),
                    ("rule", "Rule"),
                    ("concession", "Concession"),
                ],
                max_length=20,
                verbose_name="cause",
            ),
        ),
        migrations.AlterField(
            model_name="refund",
            name="kind",
            field=models.CharField(
                choices=[("recorded", "Recorded by hand"), ("handed_over", "Handed over to the shop")],
                max_length=20,
                verbose_name="kind",
            ),
        ),
        migrations.AlterField(
            model_name="refund",
            name="part",
            field=models.CharField(
                choices=[
                    ("item", "Item"),
                    ("tax", "Tax"),
                    ("shipping", "Shipping to the buyer"),
                    ("return_shipping", "Shipping of the return"),
                    ("goodwill", "Goodwill"),
                ],
                max_length=20,
                verbose_name="part",
            ),
        ),
        migrations.AddConstraint(
            model_name="orderitem",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("extra_refunded_minor", 0),
                    models.Q(
                        ("extra_ceiling_minor__isnull", False),
                        ("extra_refunded_minor__gt", 0),
                        ("extra_refunded_minor__lte", models.F("extra_ceiling_minor")),
                    ),
                    _connector="OR",
                ),
                name="order_item_extra_refunded",
            ),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.CheckConstraint(
                condition=models.Q(("part__in", ["item", "tax", "shipping", "return_shipping", "goodwill"])),
                name="refund_part",
            ),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["recorded", "handed_over"])), name="refund_kind"
            ),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.CheckConstraint(
                condition=models.Q(("cause__in", ["event", "promise", "offer", "rule", "concession"])),
                name="refund_cause",
            ),
        ),
    ]
