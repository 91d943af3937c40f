import django.db.models.deletion
import django.db.models.functions.comparison
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("returns", "0013_more_moves"),
    ]

    operations = [
        migrations.AddField(
            model_name="buyercode",
            name="lookup",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="codes",
                to="returns.buyerlookup",
            ),
        ),
        migrations.AddField(
            model_name="buyerlookup",
            name="attempts",
            field=models.PositiveSmallIntegerField(db_default=0),
        ),
        migrations.AddField(
            model_name="buyerlookup",
            name="browser_digest",
            field=models.CharField(db_default="", max_length=64),
        ),
        migrations.AddField(
            model_name="buyerlookup",
            name="wanted_email",
            field=models.CharField(db_default="", max_length=64),
        ),
        migrations.AddIndex(
            model_name="buyerlookup",
            index=models.Index(fields=["browser_digest", "created_at"], name="lookup_by_browser"),
        ),
        migrations.AddIndex(
            model_name="buyerlookup",
            index=models.Index(
                condition=models.Q(("wanted_email__gt", "")), fields=["id"], name="lookup_undecided"
            ),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                models.F("seller"),
                models.OrderBy(
                    django.db.models.functions.comparison.Coalesce("ordered_at", "created_at"),
                    descending=True,
                ),
                models.OrderBy(models.F("id"), descending=True),
                name="order_newest",
            ),
        ),
    ]
