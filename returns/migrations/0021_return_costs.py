"""A seller's table of return costs with what its products weigh, and the concessions lately given."""

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

TABLES = ("returns_returncost", "returns_skuweight")


def install(apps, schema_editor):
    """A change of the table changes the mark of 0004 under which it is kept in memory."""
    for table in TABLES:
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(
                f"CREATE TRIGGER new_edition AFTER INSERT OR UPDATE OR DELETE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION returns_new_edition()"
            )
            continue
        for verb in ("INSERT", "UPDATE", "DELETE"):
            schema_editor.execute(
                f"CREATE TRIGGER {table}_new_edition_{verb.lower()} AFTER {verb} ON {table} "
                "BEGIN UPDATE returns_edition SET mark = lower(hex(randomblob(16))); END"
            )


def remove(apps, schema_editor):
    for table in TABLES:
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(f"DROP TRIGGER new_edition ON {table}")
            continue
        for verb in ("insert", "update", "delete"):
            schema_editor.execute(f"DROP TRIGGER {table}_new_edition_{verb}")


ZONES = [
    ("domestic", "Same country"),
    ("region", "Same region (European Union)"),
    ("international", "International"),
]


def percent(**options):
    return models.PositiveSmallIntegerField(
        validators=[django.core.validators.MaxValueValidator(1000)],
        verbose_name="concessions up to",
        **options,
    )


def pk():
    return models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")


def of_seller(related_name):
    return models.ForeignKey(
        on_delete=django.db.models.deletion.CASCADE, related_name=related_name, to="returns.seller"
    )


class Migration(migrations.Migration):
    dependencies = [("returns", "0020_offers")]

    operations = [
        migrations.CreateModel(
            name="ReturnCost",
            fields=[
                ("id", pk()),
                ("seller", of_seller("return_costs")),
                ("zone", models.CharField(choices=ZONES, max_length=15, verbose_name="zone")),
                ("up_to_grams", models.PositiveIntegerField(verbose_name="up to (grams)")),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3, verbose_name="currency")),
            ],
            options={
                "verbose_name": "return cost",
                "verbose_name_plural": "return costs",
                "constraints": [
                    models.UniqueConstraint(
                        fields=["seller", "zone", "currency", "up_to_grams"], name="return_cost_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("up_to_grams__gte", 1)), name="return_cost_weight"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("amount_minor__gte", 1)), name="return_cost_amount"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("zone__in", ["domestic", "region", "international"])),
                        name="return_cost_zone",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="SkuWeight",
            fields=[
                ("id", pk()),
                ("seller", of_seller("sku_weights")),
                ("sku", models.CharField(max_length=100, verbose_name="SKU")),
                ("grams", models.PositiveIntegerField(verbose_name="grams")),
            ],
            options={
                "verbose_name": "weight of a product",
                "verbose_name_plural": "weights of products",
                "constraints": [
                    models.UniqueConstraint(fields=["seller", "sku"], name="sku_weight_once"),
                    models.CheckConstraint(
                        condition=models.Q(("grams__gte", 1), models.Q(("sku", ""), _negated=True)),
                        name="sku_weight_names_both",
                    ),
                ],
            },
        ),
        migrations.RunPython(install, remove),
        migrations.AddField(
            model_name="seller",
            name="default_grams",
            field=models.PositiveIntegerField(
                blank=True, null=True, verbose_name="weight of all other products"
            ),
        ),
        migrations.AlterField(
            model_name="marketplacesettings",
            name="concession_percent",
            field=percent(
                default=100,
                help_text="In percent of what was paid for the item. A seller can set less.",
            ),
        ),
        migrations.AlterField(
            model_name="seller", name="concession_percent", field=percent(blank=True, null=True)
        ),
        migrations.AddIndex(
            model_name="refund",
            index=models.Index(
                condition=models.Q(("cause", "concession")),
                fields=["recorded_at"],
                name="refund_concession",
            ),
        ),
    ]
