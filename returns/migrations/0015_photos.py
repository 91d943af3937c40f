import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import returns.models.fields


class Migration(migrations.Migration):
    dependencies = [
        ("returns", "0014_find_my_order"),
    ]

    operations = [
        migrations.CreateModel(
            name="ReturnDraft",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "reference",
                    returns.models.fields.ReferenceField(
                        default=returns.models.fields.new_reference,
                        editable=False,
                        max_length=36,
                        unique=True,
                    ),
                ),
                ("data", models.JSONField(default=dict)),
                ("updated_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "order",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="drafts", to="returns.order"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "draft",
                "verbose_name_plural": "drafts",
            },
        ),
        migrations.CreateModel(
            name="Photo",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "reference",
                    returns.models.fields.ReferenceField(
                        default=returns.models.fields.new_reference,
                        editable=False,
                        max_length=36,
                        unique=True,
                    ),
                ),
                ("file", models.CharField(max_length=100, unique=True, verbose_name="file")),
                ("name", models.CharField(blank=True, max_length=100, verbose_name="name")),
                ("media_type", models.CharField(max_length=20, verbose_name="media type")),
                ("width", models.PositiveIntegerField(verbose_name="width")),
                ("height", models.PositiveIntegerField(verbose_name="height")),
                ("size", models.PositiveIntegerField(verbose_name="size")),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "event",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="photos",
                        to="returns.returnevent",
                    ),
                ),
                (
                    "item",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="photos",
                        to="returns.returnitem",
                    ),
                ),
                (
                    "order",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="returns.order"
                    ),
                ),
                (
                    "order_item",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="returns.orderitem",
                    ),
                ),
                (
                    "request",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="photos",
                        to="returns.returnrequest",
                    ),
                ),
                (
                    "seller",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="returns.seller"
                    ),
                ),
                (
                    "draft",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="photos",
                        to="returns.returndraft",
                    ),
                ),
            ],
            options={
                "verbose_name": "photo",
                "verbose_name_plural": "photos",
            },
        ),
        migrations.AddIndex(
            model_name="returndraft",
            index=models.Index(fields=["updated_at"], name="draft_by_age"),
        ),
        migrations.AddConstraint(
            model_name="returndraft",
            constraint=models.UniqueConstraint(fields=("order", "user"), name="draft_once"),
        ),
        migrations.AddConstraint(
            model_name="returndraft",
            constraint=models.UniqueConstraint(
                condition=models.Q(("user__isnull", True)), fields=("order",), name="draft_of_buyer_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="photo",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("draft__isnull", False),
                        ("event__isnull", True),
                        ("item__isnull", True),
                        ("order_item__isnull", False),
                        ("request__isnull", True),
                    ),
                    models.Q(
                        ("draft__isnull", True),
                        ("order_item__isnull", True),
                        ("request__isnull", False),
                        models.Q(
                            models.Q(("event__isnull", True), ("item__isnull", False)),
                            models.Q(("event__isnull", False), ("item__isnull", True)),
                            _connector="OR",
                        ),
                    ),
                    _connector="OR",
                ),
                name="photo_has_one_place",
            ),
        ),
    ]
