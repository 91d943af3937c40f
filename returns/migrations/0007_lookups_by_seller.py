from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("returns", "0006_indexes_of_the_overview")]

    operations = [
        migrations.AddField(
            model_name="buyerlookup",
            name="seller_hash",
            field=models.CharField(db_default="", max_length=64),
        ),
        migrations.AddIndex(
            model_name="buyerlookup",
            index=models.Index(fields=["seller_hash", "created_at"], name="lookup_by_seller"),
        ),
    ]
