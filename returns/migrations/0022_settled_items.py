"""What is kept for good of the money owed for an item: a restocking fee, or the rest after a last part."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("returns", "0021_return_costs"),
    ]

    operations = [
        migrations.AddField(
            model_name="returnitem",
            name="kept_minor",
            field=models.BigIntegerField(blank=True, null=True),
        ),
        migrations.AddConstraint(
            model_name="returnitem",
            constraint=models.CheckConstraint(
                condition=models.Q(kept_minor__isnull=True) | models.Q(kept_minor__gte=0),
                name="return_item_kept",
            ),
        ),
    ]
