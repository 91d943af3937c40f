import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("returns", "0015_photos"),
    ]

    operations = [
        migrations.CreateModel(
            name="ReturnlessRule",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=60, verbose_name="name")),
                ("currency", models.CharField(max_length=3, verbose_name="currency")),
                ("least_minor", models.BigIntegerField()),
                ("most_minor", models.BigIntegerField()),
                ("categories", models.JSONField(blank=True, default=list, verbose_name="categories")),
                ("reasons", models.JSONField(blank=True, default=list, verbose_name="buyer's reasons")),
                ("is_active", models.BooleanField(default=True, verbose_name="active")),
                (
                    "seller",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="returnless_rules",
                        to="returns.seller",
                    ),
                ),
            ],
            options={
                "verbose_name": "returnless rule",
                "verbose_name_plural": "returnless rules",
                "constraints": [
                    models.UniqueConstraint(fields=("seller", "name"), name="returnless_rule_name"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("least_minor__gte", 0), ("least_minor__lte", models.F("most_minor"))
                        ),
                        name="returnless_rule_range",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="SkuRule",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("sku", models.CharField(max_length=40, verbose_name="SKU")),
                ("is_automatic", models.BooleanField(verbose_name="automatic")),
                (
                    "seller",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="sku_rules",
                        to="returns.seller",
                    ),
                ),
            ],
            options={
                "verbose_name": "SKU override",
                "verbose_name_plural": "SKU overrides",
                "constraints": [
                    models.UniqueConstraint(fields=("seller", "sku"), name="sku_rule_once"),
                    models.CheckConstraint(
                        condition=models.Q(("sku", ""), _negated=True), name="sku_rule_has_sku"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="SkuUpload",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("file_name", models.CharField(max_length=255, verbose_name="file")),
                ("uploaded_at", models.DateTimeField()),
                ("code", models.PositiveIntegerField(blank=True, null=True)),
                ("refusal", models.JSONField(default=dict)),
                ("new", models.PositiveIntegerField(default=0)),
                ("changed", models.PositiveIntegerField(default=0)),
                ("removed", models.PositiveIntegerField(default=0)),
                ("unchanged", models.PositiveIntegerField(default=0)),
                ("refused", models.PositiveIntegerField(default=0)),
                ("faults", models.JSONField(default=list)),
                (
                    "seller",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="sku_uploads",
                        to="returns.seller",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "upload of SKU overrides",
                "verbose_name_plural": "uploads of SKU overrides",
                "indexes": [models.Index(fields=["seller", "uploaded_at"], name="sku_upload_by_time")],
            },
        ),
    ]
