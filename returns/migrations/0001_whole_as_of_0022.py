"""All tables as 0001 to 0022 make them, whole at once: a new portal starts in half the time.

A database that has begun with those goes on with them and ends the same (tests/test_migrations.py). The name sorts
after theirs: other apps depend on the first migration of this one, which must not be what they have run before.
"""

import datetime
from importlib import import_module

import django.core.validators
import django.db.models.deletion
import django.db.models.functions.comparison
import django.db.models.functions.datetime
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models

import returns.models.fields
import returns.models.settings

ledger, beginning, editions, members, rules, costs = (
    import_module(f"returns.migrations.{name}")
    for name in (
        "0002_events_are_append_only",
        "0003_initial_reasons",
        "0004_edition",
        "0012_teamwork",
        "0017_rules_versions",
        "0021_return_costs",
    )
)


class Migration(migrations.Migration):
    initial = True
    replaces = [
        ("returns", "0001_tables"),
        ("returns", "0002_events_are_append_only"),
        ("returns", "0003_initial_reasons"),
        ("returns", "0004_edition"),
        ("returns", "0005_saved_views"),
        ("returns", "0006_indexes_of_the_overview"),
        ("returns", "0007_lookups_by_seller"),
        ("returns", "0008_uploaded_files"),
        ("returns", "0009_labels"),
        ("returns", "0010_bulk_runs"),
        ("returns", "0011_saved_comments"),
        ("returns", "0012_teamwork"),
        ("returns", "0013_more_moves"),
        ("returns", "0014_find_my_order"),
        ("returns", "0015_photos"),
        ("returns", "0016_seller_rules"),
        ("returns", "0017_rules_versions"),
        ("returns", "0018_settle_ledger"),
        ("returns", "0019_payouts"),
        ("returns", "0020_offers"),
        ("returns", "0021_return_costs"),
        ("returns", "0022_settled_items"),
    ]
    dependencies = [("auth", "0012_alter_user_first_name_max_length")]
    operations = [
        migrations.CreateModel(
            name="User",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("password", models.CharField(max_length=128, verbose_name="password")),
                ("last_login", models.DateTimeField(blank=True, null=True, verbose_name="last login")),
                (
                    "is_superuser",
                    models.BooleanField(
                        default=False,
                        help_text="Designates that this user has all permissions without explicitly assigning them.",
                        verbose_name="superuser status",
                    ),
                ),
                ("email", models.EmailField(max_length=254, unique=True, verbose_name="e-mail")),
                ("name", models.CharField(max_length=100, verbose_name="name")),
                (
                    "language",
                    models.CharField(
                        choices=[("en", "English"), ("zh-hans", "简体中文")],
                        default="en",
                        max_length=10,
                        verbose_name="language",
                    ),
                ),
                ("time_zone", models.CharField(default="UTC", max_length=50, verbose_name="time zone")),
                (
                    "undo_seconds",
                    models.PositiveSmallIntegerField(blank=True, null=True, verbose_name="undo seconds"),
                ),
                ("is_active", models.BooleanField(default=True, verbose_name="active")),
                ("is_staff", models.BooleanField(default=False, verbose_name="admin")),
                (
                    "date_joined",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        verbose_name="joined",
                    ),
                ),
                (
                    "groups",
                    models.ManyToManyField(
                        blank=True,
                        help_text="The groups this user belongs to. A user will get all permissions granted to each of their groups.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.group",
                        verbose_name="groups",
                    ),
                ),
                (
                    "user_permissions",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Specific permissions for this user.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.permission",
                        verbose_name="user permissions",
                    ),
                ),
            ],
            options={
                "verbose_name": "person",
                "verbose_name_plural": "people",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("email", django.db.models.functions.text.Lower("email"))),
                        name="user_email_is_lower_case",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("language__in", ["en", "zh-hans"])), name="user_language"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Seller",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("slug", models.SlugField(unique=True, verbose_name="short name")),
                ("name", models.CharField(max_length=100, verbose_name="name")),
                (
                    "language",
                    models.CharField(
                        choices=[("en", "English"), ("zh-hans", "简体中文")],
                        default="en",
                        max_length=10,
                        verbose_name="language",
                    ),
                ),
                ("time_zone", models.CharField(default="UTC", max_length=50, verbose_name="time zone")),
                ("country", models.CharField(default="US", max_length=2, verbose_name="country")),
                (
                    "authorization",
                    models.CharField(
                        choices=[
                            ("by_hand", "Each by hand"),
                            ("prepaid", "Prepaid-eligible automatically, others by hand"),
                            ("in_policy", "All in policy automatically"),
                            ("within_days", "All within some days automatically"),
                        ],
                        default="prepaid",
                        max_length=20,
                        verbose_name="how to authorize",
                    ),
                ),
                (
                    "authorization_days",
                    models.PositiveSmallIntegerField(default=30, verbose_name="within days"),
                ),
                (
                    "rma_numbers",
                    models.CharField(
                        choices=[("generated", "Generated"), ("own", "Own numbers")],
                        default="generated",
                        max_length=20,
                        verbose_name="RMA numbers",
                    ),
                ),
                (
                    "imported_messages",
                    models.CharField(
                        choices=[("show_to_copy", "Show to copy"), ("send_from_here", "Send from here")],
                        default="show_to_copy",
                        max_length=20,
                        verbose_name="messages for imported requests",
                    ),
                ),
                (
                    "instructions",
                    models.TextField(blank=True, max_length=1000, verbose_name="return instructions"),
                ),
                (
                    "concession_percent",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        null=True,
                        validators=[django.core.validators.MaxValueValidator(1000)],
                        verbose_name="concessions up to",
                    ),
                ),
                (
                    "default_grams",
                    models.PositiveIntegerField(
                        blank=True, null=True, verbose_name="weight of all other products"
                    ),
                ),
            ],
            options={
                "verbose_name": "seller",
                "verbose_name_plural": "sellers",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("language__in", ["en", "zh-hans"])), name="seller_language"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("authorization_days__lte", 30)), name="seller_authorization_days"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Membership",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "role",
                    models.CharField(
                        choices=[("owner", "Owner"), ("agent", "Agent"), ("viewer", "Viewer")],
                        max_length=10,
                        verbose_name="role",
                    ),
                ),
                ("is_active", models.BooleanField(default=True, verbose_name="active")),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="memberships",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "seller",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="memberships",
                        to="returns.seller",
                    ),
                ),
            ],
            options={
                "verbose_name": "membership",
                "verbose_name_plural": "memberships",
                "constraints": [
                    models.UniqueConstraint(fields=("user", "seller"), name="membership_once"),
                    models.CheckConstraint(
                        condition=models.Q(("role__in", ["owner", "agent", "viewer"])), name="membership_role"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="SavedView",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=60, verbose_name="name")),
                ("query", models.CharField(max_length=1000)),
                (
                    "seller",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="returns.seller"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "saved view",
                "verbose_name_plural": "saved views",
                "constraints": [
                    models.UniqueConstraint(fields=("user", "seller", "name"), name="saved_view_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="ReturnAddress",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=100, verbose_name="name")),
                (
                    "lines",
                    models.TextField(
                        help_text="Street and number; one line each.", max_length=300, verbose_name="address"
                    ),
                ),
                ("city", models.CharField(max_length=100, verbose_name="city")),
                ("region", models.CharField(blank=True, max_length=100, verbose_name="region")),
                ("postal_code", models.CharField(blank=True, max_length=20, verbose_name="postal code")),
                ("country", models.CharField(max_length=2, verbose_name="country")),
                ("is_active", models.BooleanField(default=True, verbose_name="active")),
                (
                    "seller",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="return_addresses",
                        to="returns.seller",
                    ),
                ),
            ],
            options={
                "verbose_name": "return address",
                "verbose_name_plural": "return addresses",
                "indexes": [models.Index(fields=["seller", "country"], name="return_address_country")],
            },
        ),
        migrations.CreateModel(
            name="Order",
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
                ("order_number", models.CharField(max_length=64, verbose_name="order number")),
                ("ordered_at", models.DateTimeField(blank=True, null=True, verbose_name="ordered")),
                ("ordered_has_time", models.BooleanField(default=True)),
                ("delivered_date", models.DateField(blank=True, null=True, verbose_name="delivered")),
                (
                    "estimated_delivery_date",
                    models.DateField(blank=True, null=True, verbose_name="estimated delivery"),
                ),
                ("country", models.CharField(blank=True, max_length=2, verbose_name="country")),
                (
                    "is_stub",
                    models.BooleanField(default=False, verbose_name="known only from a returns file"),
                ),
                ("is_business", models.BooleanField(default=False, verbose_name="business order")),
                ("is_gift", models.BooleanField(default=False, verbose_name="gift")),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "seller",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="orders",
                        to="returns.seller",
                    ),
                ),
            ],
            options={
                "verbose_name": "order",
                "verbose_name_plural": "orders",
                "constraints": [
                    models.UniqueConstraint(fields=("seller", "order_number"), name="order_number_once")
                ],
                "indexes": [
                    models.Index(
                        models.F("seller"),
                        models.OrderBy(
                            django.db.models.functions.comparison.Coalesce("ordered_at", "created_at"),
                            descending=True,
                        ),
                        models.OrderBy(models.F("id"), descending=True),
                        name="order_newest",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Buyer",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(blank=True, max_length=200, verbose_name="name")),
                ("email", models.EmailField(blank=True, max_length=254, verbose_name="e-mail")),
                ("email_hash", models.CharField(blank=True, db_index=True, max_length=64)),
                ("city", models.CharField(blank=True, max_length=100, verbose_name="city")),
                (
                    "language",
                    models.CharField(
                        blank=True,
                        choices=[("en", "English"), ("zh-hans", "简体中文")],
                        max_length=10,
                        verbose_name="language",
                    ),
                ),
                (
                    "order",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="buyer", to="returns.order"
                    ),
                ),
            ],
            options={
                "verbose_name": "buyer",
                "verbose_name_plural": "buyers",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("language__in", ["en", "zh-hans", ""])), name="buyer_language"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="OrderItem",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("line_key", models.CharField(max_length=100)),
                ("has_item_id", models.BooleanField(default=False)),
                ("sku", models.CharField(blank=True, max_length=100, verbose_name="SKU")),
                ("asin", models.CharField(blank=True, max_length=20, verbose_name="ASIN")),
                ("title", models.CharField(blank=True, max_length=500, verbose_name="title")),
                ("category", models.CharField(blank=True, max_length=100, verbose_name="category")),
                (
                    "not_returnable_mark",
                    models.CharField(blank=True, max_length=150, verbose_name="marked not returnable"),
                ),
                ("quantity", models.PositiveIntegerField(verbose_name="quantity")),
                ("is_quantity_known", models.BooleanField(default=True)),
                ("units_held", models.PositiveIntegerField(default=0, verbose_name="units under return")),
                ("currency", models.CharField(blank=True, max_length=3, verbose_name="currency")),
                ("item_paid_minor", models.BigIntegerField(blank=True, null=True)),
                ("tax_paid_minor", models.BigIntegerField(blank=True, null=True)),
                ("shipping_paid_minor", models.BigIntegerField(blank=True, null=True)),
                ("item_refunded_minor", models.BigIntegerField(default=0)),
                ("tax_refunded_minor", models.BigIntegerField(default=0)),
                ("shipping_refunded_minor", models.BigIntegerField(default=0)),
                ("paid_source", models.CharField(blank=True, max_length=20)),
                (
                    "order",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="items", to="returns.order"
                    ),
                ),
                (
                    "seller",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="returns.seller"
                    ),
                ),
                ("extra_ceiling_minor", models.BigIntegerField(blank=True, null=True)),
                ("extra_refunded_minor", models.BigIntegerField(default=0)),
            ],
            options={
                "verbose_name": "order line",
                "verbose_name_plural": "order lines",
                "constraints": [
                    models.UniqueConstraint(fields=("order", "line_key"), name="order_item_line_once"),
                    models.CheckConstraint(
                        condition=models.Q(("quantity__gte", 1)), name="order_item_quantity"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("units_held__gte", 0), ("units_held__lte", models.F("quantity"))),
                        name="order_item_units_held",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("item_refunded_minor__gte", 0),
                            models.Q(
                                ("item_paid_minor__isnull", True),
                                models.Q(
                                    ("item_paid_minor__gte", 0),
                                    ("item_refunded_minor__lte", models.F("item_paid_minor")),
                                ),
                                _connector="OR",
                            ),
                        ),
                        name="order_item_item_refunded",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("tax_refunded_minor__gte", 0),
                            models.Q(
                                ("tax_paid_minor__isnull", True),
                                models.Q(
                                    ("tax_paid_minor__gte", 0),
                                    ("tax_refunded_minor__lte", models.F("tax_paid_minor")),
                                ),
                                _connector="OR",
                            ),
                        ),
                        name="order_item_tax_refunded",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("shipping_refunded_minor__gte", 0),
                            models.Q(
                                ("shipping_paid_minor__isnull", True),
                                models.Q(
                                    ("shipping_paid_minor__gte", 0),
                                    ("shipping_refunded_minor__lte", models.F("shipping_paid_minor")),
                                ),
                                _connector="OR",
                            ),
                        ),
                        name="order_item_shipping_refunded",
                    ),
                    models.CheckConstraint(
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
                ],
            },
        ),
        migrations.CreateModel(
            name="BuyerLookup",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("order_number_hash", models.CharField(max_length=64)),
                ("email_hash", models.CharField(max_length=64)),
                ("ip_hash", models.CharField(max_length=64)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "order",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="returns.order",
                    ),
                ),
                ("seller_hash", models.CharField(db_default="", max_length=64)),
                ("attempts", models.PositiveSmallIntegerField(db_default=0)),
                ("browser_digest", models.CharField(db_default="", max_length=64)),
                ("wanted_email", models.CharField(db_default="", max_length=64)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["email_hash", "created_at"], name="lookup_by_email"),
                    models.Index(fields=["ip_hash", "created_at"], name="lookup_by_ip"),
                    models.Index(fields=["order_number_hash", "created_at"], name="lookup_by_order"),
                    models.Index(fields=["seller_hash", "created_at"], name="lookup_by_seller"),
                    models.Index(fields=["browser_digest", "created_at"], name="lookup_by_browser"),
                    models.Index(
                        condition=models.Q(("wanted_email__gt", "")), fields=["id"], name="lookup_undecided"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="BuyerCode",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("return_reference", models.CharField(blank=True, max_length=36)),
                ("salt", models.CharField(max_length=32)),
                ("browser_digest", models.CharField(max_length=64)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("expires_at", models.DateTimeField()),
                ("used_at", models.DateTimeField(blank=True, null=True)),
                ("is_superseded", models.BooleanField(default=False)),
                (
                    "order",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="buyer_codes",
                        to="returns.order",
                    ),
                ),
                (
                    "lookup",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="codes",
                        to="returns.buyerlookup",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["order", "created_at"], name="buyer_code_by_order"),
                    models.Index(fields=["expires_at"], name="buyer_code_by_expiry"),
                ],
            },
        ),
        migrations.CreateModel(
            name="BuyerSession",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key_digest", models.CharField(max_length=64, unique=True)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("last_seen_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("expires_at", models.DateTimeField()),
                (
                    "order",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="buyer_sessions",
                        to="returns.order",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Invitation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("email", models.EmailField(max_length=254, verbose_name="e-mail")),
                (
                    "role",
                    models.CharField(
                        choices=[("owner", "Owner"), ("agent", "Agent"), ("viewer", "Viewer")],
                        max_length=10,
                        verbose_name="role",
                    ),
                ),
                ("language", models.CharField(default="en", max_length=10, verbose_name="language")),
                ("salt", models.CharField(max_length=32)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("expires_at", models.DateTimeField()),
                ("accepted_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                (
                    "invited_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "seller",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="invitations",
                        to="returns.seller",
                    ),
                ),
            ],
            options={
                "verbose_name": "invitation",
                "verbose_name_plural": "invitations",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("role__in", ["owner", "agent", "viewer"])), name="invitation_role"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ReturnReason",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("code", models.CharField(max_length=60, unique=True, verbose_name="code")),
                ("label_en", models.CharField(max_length=100, verbose_name="label (English)")),
                (
                    "label_zh_hans",
                    models.CharField(blank=True, max_length=100, verbose_name="label (Chinese)"),
                ),
                ("position", models.PositiveSmallIntegerField(default=100, verbose_name="position")),
                ("is_active", models.BooleanField(default=True, verbose_name="active")),
                (
                    "fault",
                    models.CharField(
                        choices=[("buyer", "Buyer"), ("seller", "Seller"), ("none", "Nobody")],
                        default="buyer",
                        max_length=10,
                        verbose_name="whose fault",
                    ),
                ),
                ("is_comment_required", models.BooleanField(default=False, verbose_name="comment required")),
            ],
            options={
                "verbose_name": "return reason",
                "verbose_name_plural": "return reasons",
                "ordering": ["position", "code"],
                "abstract": False,
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("fault__in", ["buyer", "seller", "none"])),
                        name="return_reason_fault",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ClosureReason",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("code", models.CharField(max_length=60, unique=True, verbose_name="code")),
                ("label_en", models.CharField(max_length=100, verbose_name="label (English)")),
                (
                    "label_zh_hans",
                    models.CharField(blank=True, max_length=100, verbose_name="label (Chinese)"),
                ),
                ("position", models.PositiveSmallIntegerField(default=100, verbose_name="position")),
                ("is_active", models.BooleanField(default=True, verbose_name="active")),
                (
                    "ground",
                    models.CharField(
                        choices=[
                            ("always", "Always"),
                            ("outside_return_window", "Outside the return window"),
                            ("outside_policy", "Not in policy"),
                            ("not_returnable", "Every item is marked not returnable"),
                            ("refund_without_return", "A refund is promised or made"),
                            ("agreed_with_buyer", "Agreed with the buyer"),
                            ("duplicate", "Another request covers the same units"),
                            ("never_arrived", "The order never arrived"),
                            ("none", "None (imports only)"),
                        ],
                        max_length=30,
                        verbose_name="ground",
                    ),
                ),
                (
                    "audience",
                    models.CharField(
                        choices=[
                            ("seller", "Seller's side"),
                            ("buyer", "Buyers"),
                            ("import", "Imports only"),
                        ],
                        max_length=10,
                        verbose_name="who may use it",
                    ),
                ),
                (
                    "may_close_withdrawal",
                    models.BooleanField(default=False, verbose_name="may close a withdrawal"),
                ),
                ("buyer_label_en", models.CharField(max_length=150, verbose_name="in the message (English)")),
                (
                    "buyer_label_zh_hans",
                    models.CharField(blank=True, max_length=150, verbose_name="in the message (Chinese)"),
                ),
                ("text_en", models.TextField(blank=True, verbose_name="text (English)")),
                ("text_zh_hans", models.TextField(blank=True, verbose_name="text (Chinese)")),
            ],
            options={
                "verbose_name": "closure reason",
                "verbose_name_plural": "closure reasons",
                "ordering": ["position", "code"],
                "abstract": False,
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "ground__in",
                                [
                                    "always",
                                    "outside_return_window",
                                    "outside_policy",
                                    "not_returnable",
                                    "refund_without_return",
                                    "agreed_with_buyer",
                                    "duplicate",
                                    "never_arrived",
                                    "none",
                                ],
                            )
                        ),
                        name="closure_reason_ground",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("audience__in", ["seller", "buyer", "import"])),
                        name="closure_reason_audience",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="SavedComment",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=100, verbose_name="name")),
                (
                    "language",
                    models.CharField(
                        choices=[("en", "English"), ("zh-hans", "简体中文")],
                        max_length=10,
                        verbose_name="language",
                    ),
                ),
                ("text", models.TextField(max_length=2000, verbose_name="text")),
                (
                    "reason",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="returns.closurereason",
                    ),
                ),
                (
                    "seller",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="saved_comments",
                        to="returns.seller",
                    ),
                ),
            ],
            options={
                "verbose_name": "saved comment",
                "verbose_name_plural": "saved comments",
                "constraints": [
                    models.UniqueConstraint(fields=("seller", "language", "name"), name="saved_comment_name"),
                    models.CheckConstraint(
                        condition=models.Q(("language__in", ["en", "zh-hans"])), name="saved_comment_language"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ReturnCost",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "seller",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="return_costs",
                        to="returns.seller",
                    ),
                ),
                (
                    "zone",
                    models.CharField(
                        choices=[
                            ("domestic", "Same country"),
                            ("region", "Same region (European Union)"),
                            ("international", "International"),
                        ],
                        max_length=15,
                        verbose_name="zone",
                    ),
                ),
                ("up_to_grams", models.PositiveIntegerField(verbose_name="up to (grams)")),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3, verbose_name="currency")),
            ],
            options={
                "verbose_name": "return cost",
                "verbose_name_plural": "return costs",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("seller", "zone", "currency", "up_to_grams"), name="return_cost_once"
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
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "seller",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="sku_weights",
                        to="returns.seller",
                    ),
                ),
                ("sku", models.CharField(max_length=100, verbose_name="SKU")),
                ("grams", models.PositiveIntegerField(verbose_name="grams")),
            ],
            options={
                "verbose_name": "weight of a product",
                "verbose_name_plural": "weights of products",
                "constraints": [
                    models.UniqueConstraint(fields=("seller", "sku"), name="sku_weight_once"),
                    models.CheckConstraint(
                        condition=models.Q(("grams__gte", 1), models.Q(("sku", ""), _negated=True)),
                        name="sku_weight_names_both",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ReturnRequest",
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
                (
                    "source",
                    models.CharField(
                        choices=[("portal", "Asked for here"), ("file", "From a marketplace's file")],
                        max_length=10,
                        verbose_name="source",
                    ),
                ),
                ("rma_number", models.CharField(blank=True, max_length=64, verbose_name="RMA number")),
                (
                    "merchant_rma",
                    models.CharField(blank=True, max_length=64, verbose_name="seller's RMA number"),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("authorization_required", "Authorization Required"),
                            ("authorized", "Authorized"),
                            ("refund_due", "Refund due"),
                            ("completed", "Completed"),
                            ("closed", "Closed"),
                        ],
                        max_length=30,
                        verbose_name="status",
                    ),
                ),
                ("version", models.PositiveIntegerField(default=0)),
                (
                    "policy",
                    models.CharField(
                        choices=[
                            ("in_policy", "In policy"),
                            ("not_in_policy", "Not in policy"),
                            ("unknown", "Unknown"),
                        ],
                        default="unknown",
                        max_length=20,
                        verbose_name="policy",
                    ),
                ),
                ("prepaid_eligible", models.BooleanField(default=False, verbose_name="prepaid-eligible")),
                ("verdict", models.JSONField(default=dict)),
                (
                    "is_timely_withdrawal",
                    models.BooleanField(default=False, verbose_name="withdrawal in time"),
                ),
                ("window_end_date", models.DateField(blank=True, null=True, verbose_name="window end")),
                ("requested_at", models.DateTimeField(verbose_name="requested")),
                ("requested_has_time", models.BooleanField(default=True)),
                ("answer_due_at", models.DateTimeField(blank=True, null=True, verbose_name="answer due")),
                ("step_in_at", models.DateTimeField(blank=True, null=True, verbose_name="step in from")),
                ("authorized_at", models.DateTimeField(blank=True, null=True, verbose_name="authorized")),
                ("return_address", models.TextField(blank=True, verbose_name="return address")),
                ("instructions", models.TextField(blank=True, verbose_name="instructions")),
                ("is_label_owed", models.BooleanField(default=False, verbose_name="label owed")),
                ("send_back_date", models.DateField(blank=True, null=True, verbose_name="send back by")),
                ("handed_over_at", models.DateTimeField(blank=True, null=True, verbose_name="handed over")),
                ("received_at", models.DateTimeField(blank=True, null=True, verbose_name="received")),
                ("refund_due_at", models.DateTimeField(blank=True, null=True, verbose_name="refund due")),
                ("completed_at", models.DateTimeField(blank=True, null=True, verbose_name="completed")),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("refunded", "Refunded"),
                            ("partially_refunded", "Partially refunded"),
                            ("refunded_without_return", "Refunded without return"),
                            ("replaced", "Replaced"),
                            ("not_returned", "Not returned"),
                            ("duplicate", "Duplicate"),
                            ("never_arrived", "Never arrived"),
                            ("buyer_kept_item", "Kept by the buyer"),
                            ("ended_at_marketplace", "Ended at the marketplace"),
                        ],
                        max_length=30,
                        verbose_name="outcome",
                    ),
                ),
                ("closed_at", models.DateTimeField(blank=True, null=True, verbose_name="closed")),
                (
                    "closed_by_role",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("buyer", "Buyer"),
                            ("seller", "Seller"),
                            ("admin", "Admin"),
                            ("system", "System"),
                            ("marketplace", "Marketplace"),
                        ],
                        max_length=20,
                        verbose_name="closed by",
                    ),
                ),
                (
                    "is_closed_although_in_policy",
                    models.BooleanField(default=False, verbose_name="closed although in policy"),
                ),
                ("promise_minor", models.BigIntegerField(blank=True, null=True)),
                ("promise_currency", models.CharField(blank=True, max_length=3)),
                (
                    "promise_due_date",
                    models.DateField(blank=True, null=True, verbose_name="refund promised by"),
                ),
                ("escalated_at", models.DateTimeField(blank=True, null=True, verbose_name="escalated")),
                (
                    "deadline_at",
                    models.DateTimeField(default=datetime.datetime(9999, 1, 1, 0, 0, tzinfo=datetime.UTC)),
                ),
                ("reminders_sent", models.PositiveSmallIntegerField(default=0)),
                ("is_overlapping", models.BooleanField(default=False, verbose_name="overlapping")),
                ("is_decided_here", models.BooleanField(default=False, verbose_name="decided here")),
                (
                    "is_marketplace_todo",
                    models.BooleanField(default=False, verbose_name="to do at the marketplace"),
                ),
                (
                    "marketplace_status",
                    models.CharField(blank=True, max_length=60, verbose_name="marketplace's status"),
                ),
                ("search_text", models.TextField(blank=True)),
                (
                    "closure_reason",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="returns.closurereason",
                        verbose_name="return reason",
                    ),
                ),
                (
                    "order",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="return_requests",
                        to="returns.order",
                    ),
                ),
                (
                    "seller",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="return_requests",
                        to="returns.seller",
                    ),
                ),
                (
                    "assignee",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="assignee",
                    ),
                ),
                (
                    "open_payout",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("failed", "Pay-out failed"),
                            ("to_pay", "To be paid by you"),
                            ("waiting", "To be paid by the shop"),
                        ],
                        max_length=10,
                        verbose_name="open pay-out",
                    ),
                ),
                ("offer_until", models.DateTimeField(blank=True, null=True, verbose_name="offer open until")),
            ],
            options={
                "verbose_name": "return request",
                "verbose_name_plural": "return requests",
                "indexes": [
                    models.Index(fields=["seller", "requested_at", "id"], name="request_all_by_date"),
                    models.Index(
                        condition=models.Q(("escalated_at__isnull", False)),
                        fields=["id"],
                        name="request_escalated",
                    ),
                    models.Index(
                        condition=models.Q(("rma_number", ""), _negated=True),
                        fields=["rma_number"],
                        name="request_by_rma",
                    ),
                    models.Index(
                        condition=models.Q(("status", "authorization_required")),
                        fields=["seller", "requested_at", "id"],
                        name="request_asked_by_date",
                    ),
                    models.Index(
                        condition=models.Q(("status", "authorized")),
                        fields=["seller", "requested_at", "id"],
                        name="request_authorized_by_date",
                    ),
                    models.Index(
                        condition=models.Q(("status", "refund_due")),
                        fields=["seller", "requested_at", "id"],
                        name="request_refund_due_by_date",
                    ),
                    models.Index(
                        condition=models.Q(("status", "completed")),
                        fields=["seller", "requested_at", "id"],
                        name="request_completed_by_date",
                    ),
                    models.Index(
                        condition=models.Q(("status", "closed")),
                        fields=["seller", "requested_at", "id"],
                        name="request_closed_by_date",
                    ),
                    models.Index(
                        condition=models.Q(("status", "authorization_required")),
                        fields=["seller", "deadline_at", "id"],
                        name="request_asked_by_deadline",
                    ),
                    models.Index(
                        condition=models.Q(("status", "authorized")),
                        fields=["seller", "deadline_at", "id"],
                        name="request_authorized_by_deadline",
                    ),
                    models.Index(
                        condition=models.Q(("status", "refund_due")),
                        fields=["seller", "deadline_at", "id"],
                        name="request_refund_due_by_deadline",
                    ),
                    models.Index(
                        condition=models.Q(("escalated_at__isnull", False)),
                        fields=["seller", "escalated_at"],
                        name="request_escalated_of_seller",
                    ),
                    models.Index(
                        condition=models.Q(("promise_due_date__isnull", False)),
                        fields=["seller", "deadline_at"],
                        name="request_promised",
                    ),
                    models.Index(
                        condition=models.Q(("is_marketplace_todo", True)),
                        fields=["seller", "id"],
                        name="request_marketplace_todo",
                    ),
                    models.Index(
                        condition=models.Q(("assignee__isnull", False)),
                        fields=["assignee", "deadline_at", "id"],
                        name="request_by_assignee",
                    ),
                    models.Index(
                        condition=models.Q(
                            ("promise_due_date__isnull", False), ("open_payout__gt", ""), _connector="OR"
                        ),
                        fields=["seller", "requested_at", "id"],
                        name="request_money_owed",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "status__in",
                                ["authorization_required", "authorized", "refund_due", "completed", "closed"],
                            )
                        ),
                        name="request_status",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "outcome__in",
                                [
                                    "refunded",
                                    "partially_refunded",
                                    "refunded_without_return",
                                    "replaced",
                                    "not_returned",
                                    "duplicate",
                                    "never_arrived",
                                    "buyer_kept_item",
                                    "ended_at_marketplace",
                                    "",
                                ],
                            )
                        ),
                        name="request_outcome",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("source__in", ["portal", "file"])), name="request_source"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("policy__in", ["in_policy", "not_in_policy", "unknown"])),
                        name="request_policy",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("closed_by_role__in", ["buyer", "seller", "admin", "system", "marketplace", ""])
                        ),
                        name="request_closed_by_role",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("closed_at__isnull", False),
                                ("closure_reason__isnull", False),
                                ("status", "closed"),
                                models.Q(("closed_by_role", ""), _negated=True),
                            ),
                            models.Q(
                                models.Q(("status", "closed"), _negated=True),
                                ("closed_at__isnull", True),
                                ("closed_by_role", ""),
                                ("closure_reason__isnull", True),
                            ),
                            _connector="OR",
                        ),
                        name="request_closed_is_whole",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("completed_at__isnull", False),
                                ("status", "completed"),
                                models.Q(("outcome", ""), _negated=True),
                            ),
                            models.Q(
                                models.Q(("status", "completed"), _negated=True),
                                ("completed_at__isnull", True),
                                ("outcome", ""),
                            ),
                            _connector="OR",
                        ),
                        name="request_completed_is_whole",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("status", "authorized"), _negated=True),
                            ("authorized_at__isnull", False),
                            _connector="OR",
                        ),
                        name="request_authorized_has_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("status", "refund_due"), _negated=True),
                            ("received_at__isnull", False),
                            _connector="OR",
                        ),
                        name="request_refund_due_is_received",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("prepaid_eligible", True), ("status", "closed"), _negated=True),
                        name="request_prepaid_is_never_closed",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("promise_currency", ""),
                                ("promise_due_date__isnull", True),
                                ("promise_minor__isnull", True),
                            ),
                            models.Q(
                                ("promise_due_date__isnull", False),
                                ("promise_minor__gt", 0),
                                ("promise_minor__isnull", False),
                                ("status", "closed"),
                                models.Q(("promise_currency", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="request_promise_is_whole",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("rma_number", ""), _negated=True),
                        fields=("seller", "order", "rma_number"),
                        name="request_rma_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("open_payout__in", ["failed", "to_pay", "waiting", ""])),
                        name="request_open_payout",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("offer_until__isnull", True),
                            ("status__in", ["authorization_required", "authorized", "refund_due"]),
                            _connector="OR",
                        ),
                        name="request_offer_while_open",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ReturnItem",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("ordinal", models.PositiveSmallIntegerField(default=1)),
                ("quantity", models.PositiveIntegerField(verbose_name="quantity")),
                ("units_held", models.PositiveIntegerField(default=0, verbose_name="units held")),
                ("units_received", models.PositiveIntegerField(default=0, verbose_name="units received")),
                (
                    "condition",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("unopened", "Unopened"),
                            ("opened", "Opened, like new"),
                            ("used", "Used"),
                            ("damaged", "Damaged"),
                            ("wrong_item", "Not the item that was sent"),
                        ],
                        max_length=20,
                        verbose_name="condition",
                    ),
                ),
                ("reason_code", models.CharField(blank=True, max_length=60, verbose_name="buyer's reason")),
                ("comment", models.TextField(blank=True, verbose_name="buyer's comment")),
                (
                    "policy",
                    models.CharField(
                        choices=[
                            ("in_policy", "In policy"),
                            ("not_in_policy", "Not in policy"),
                            ("unknown", "Unknown"),
                        ],
                        default="unknown",
                        max_length=20,
                        verbose_name="policy",
                    ),
                ),
                ("prepaid_eligible", models.BooleanField(default=False, verbose_name="prepaid-eligible")),
                ("verdict", models.JSONField(default=dict)),
                ("reported", models.JSONField(default=dict)),
                ("label_type", models.CharField(blank=True, max_length=100, verbose_name="label type")),
                ("label_cost_minor", models.BigIntegerField(blank=True, null=True)),
                (
                    "label_payer",
                    models.CharField(blank=True, max_length=100, verbose_name="label to be paid by"),
                ),
                ("carrier", models.CharField(blank=True, max_length=100, verbose_name="carrier")),
                ("tracking_id", models.CharField(blank=True, max_length=100, verbose_name="tracking number")),
                ("resolution", models.CharField(blank=True, max_length=100, verbose_name="resolution")),
                ("reported_refund_minor", models.BigIntegerField(blank=True, null=True)),
                (
                    "order_item",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="return_items",
                        to="returns.orderitem",
                    ),
                ),
                (
                    "request",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="items",
                        to="returns.returnrequest",
                    ),
                ),
                ("kept_minor", models.BigIntegerField(blank=True, null=True)),
            ],
            options={
                "verbose_name": "item",
                "verbose_name_plural": "items",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("request", "order_item", "ordinal"), name="return_item_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("quantity__gte", 1)), name="return_item_quantity"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("units_held__gte", 0), ("units_held__lte", models.F("quantity"))),
                        name="return_item_units_held",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("units_received__gte", 0), ("units_received__lte", models.F("quantity"))
                        ),
                        name="return_item_units_received",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("policy__in", ["in_policy", "not_in_policy", "unknown"])),
                        name="return_item_policy",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("condition__in", ["unopened", "opened", "used", "damaged", "wrong_item", ""])
                        ),
                        name="return_item_condition",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("kept_minor__isnull", True), ("kept_minor__gte", 0), _connector="OR"
                        ),
                        name="return_item_kept",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="StatusCount",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("authorization_required", "Authorization Required"),
                            ("authorized", "Authorized"),
                            ("refund_due", "Refund due"),
                            ("completed", "Completed"),
                            ("closed", "Closed"),
                        ],
                        max_length=30,
                    ),
                ),
                ("requests", models.PositiveIntegerField(default=0)),
                (
                    "seller",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="status_counts",
                        to="returns.seller",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("seller", "status"), name="status_count_once"),
                    models.CheckConstraint(
                        condition=models.Q(("requests__gte", 0)), name="status_count_not_negative"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "status__in",
                                ["authorization_required", "authorized", "refund_due", "completed", "closed"],
                            )
                        ),
                        name="status_count_status",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ReturnEvent",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("version", models.PositiveIntegerField()),
                (
                    "action",
                    models.CharField(
                        choices=[
                            ("open", "Ask for a return"),
                            ("record", "Recorded from the marketplace's file"),
                            ("authorize", "Authorize request"),
                            ("close", "Close request"),
                            ("keep_item", "Keep the item"),
                            ("receive", "Mark as received"),
                            ("refund", "Record a refund"),
                            ("complete", "Complete request"),
                            ("reopen", "Reopen request"),
                            ("undo", "Undo"),
                            ("escalate", "Ask the marketplace to step in"),
                            ("uphold", "Uphold the decision"),
                            ("remind", "Reminder"),
                            ("provide_label", "Provide the label"),
                            ("hand_over", "Hand over to the carrier"),
                            ("write", "Write a message"),
                            ("split", "Split request"),
                            ("reassess", "Reassess"),
                            ("offer", "Offer"),
                            ("pay_out", "Pay-out"),
                        ],
                        max_length=20,
                        verbose_name="action",
                    ),
                ),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("buyer", "Buyer"),
                            ("seller", "Seller"),
                            ("admin", "Admin"),
                            ("system", "System"),
                            ("marketplace", "Marketplace"),
                        ],
                        max_length=20,
                        verbose_name="who",
                    ),
                ),
                (
                    "source",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("authorization_required", "Authorization Required"),
                            ("authorized", "Authorized"),
                            ("refund_due", "Refund due"),
                            ("completed", "Completed"),
                            ("closed", "Closed"),
                        ],
                        max_length=30,
                        verbose_name="from",
                    ),
                ),
                (
                    "target",
                    models.CharField(
                        choices=[
                            ("authorization_required", "Authorization Required"),
                            ("authorized", "Authorized"),
                            ("refund_due", "Refund due"),
                            ("completed", "Completed"),
                            ("closed", "Closed"),
                        ],
                        max_length=30,
                        verbose_name="to",
                    ),
                ),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("refunded", "Refunded"),
                            ("partially_refunded", "Partially refunded"),
                            ("refunded_without_return", "Refunded without return"),
                            ("replaced", "Replaced"),
                            ("not_returned", "Not returned"),
                            ("duplicate", "Duplicate"),
                            ("never_arrived", "Never arrived"),
                            ("buyer_kept_item", "Kept by the buyer"),
                            ("ended_at_marketplace", "Ended at the marketplace"),
                        ],
                        max_length=30,
                        verbose_name="outcome",
                    ),
                ),
                ("occurred_at", models.DateTimeField(verbose_name="when")),
                (
                    "recorded_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                ("reason_code", models.CharField(blank=True, max_length=60, verbose_name="reason")),
                ("words", models.JSONField(default=dict)),
                ("facts", models.JSONField(default=dict)),
                ("text_digest", models.CharField(blank=True, max_length=64)),
                ("is_silent", models.BooleanField(default=False)),
                ("hold_until", models.DateTimeField(blank=True, null=True)),
                ("relayed_at", models.DateTimeField(blank=True, null=True)),
                ("withdrawn_at", models.DateTimeField(blank=True, null=True)),
                ("idempotency_key", models.CharField(blank=True, max_length=100, null=True)),
                (
                    "user",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "request",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="events",
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
                "verbose_name": "event",
                "verbose_name_plural": "events",
                "indexes": [
                    models.Index(
                        condition=models.Q(("relayed_at__isnull", True), ("withdrawn_at__isnull", True)),
                        fields=["hold_until", "id"],
                        name="event_to_relay",
                    ),
                    models.Index(
                        condition=models.Q(
                            ("action__in", ["authorize", "close"]),
                            ("role__in", ["admin", "seller"]),
                            ("withdrawn_at__isnull", True),
                        ),
                        fields=["seller", "occurred_at"],
                        name="event_answers",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("request", "version"), name="event_version_once"),
                    models.UniqueConstraint(fields=("request", "idempotency_key"), name="event_key_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("relayed_at__isnull", True), ("withdrawn_at__isnull", True), _connector="OR"
                        ),
                        name="event_relayed_or_withdrawn",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("role__in", ["buyer", "seller", "admin", "system", "marketplace"])
                        ),
                        name="event_role",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "source__in",
                                [
                                    "authorization_required",
                                    "authorized",
                                    "refund_due",
                                    "completed",
                                    "closed",
                                    "",
                                ],
                            )
                        ),
                        name="event_source",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "target__in",
                                ["authorization_required", "authorized", "refund_due", "completed", "closed"],
                            )
                        ),
                        name="event_target",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "outcome__in",
                                [
                                    "refunded",
                                    "partially_refunded",
                                    "refunded_without_return",
                                    "replaced",
                                    "not_returned",
                                    "duplicate",
                                    "never_arrived",
                                    "buyer_kept_item",
                                    "ended_at_marketplace",
                                    "",
                                ],
                            )
                        ),
                        name="event_outcome",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "action__in",
                                [
                                    "open",
                                    "record",
                                    "authorize",
                                    "close",
                                    "keep_item",
                                    "receive",
                                    "refund",
                                    "complete",
                                    "reopen",
                                    "undo",
                                    "escalate",
                                    "uphold",
                                    "remind",
                                    "provide_label",
                                    "hand_over",
                                    "write",
                                    "split",
                                    "reassess",
                                    "offer",
                                    "pay_out",
                                ],
                            )
                        ),
                        name="event_action",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="EventText",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("text", models.TextField()),
                ("salt", models.CharField(max_length=32)),
                (
                    "event",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="comments",
                        to="returns.returnevent",
                    ),
                ),
            ],
            options={
                "verbose_name": "comments",
                "verbose_name_plural": "comments",
            },
        ),
        migrations.CreateModel(
            name="ReturnLabel",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("unpaid", "The buyer buys one"), ("own", "Provided by the seller")],
                        max_length=10,
                        verbose_name="kind",
                    ),
                ),
                ("file", models.CharField(blank=True, max_length=100, verbose_name="file")),
                ("carrier", models.CharField(blank=True, max_length=100, verbose_name="carrier")),
                (
                    "tracking_number",
                    models.CharField(blank=True, max_length=40, verbose_name="tracking number"),
                ),
                ("cost_minor", models.BigIntegerField(blank=True, null=True)),
                ("currency", models.CharField(blank=True, max_length=3)),
                ("provided_at", models.DateTimeField(verbose_name="provided")),
                ("voided_at", models.DateTimeField(blank=True, null=True, verbose_name="voided")),
                (
                    "request",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="labels",
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
                "verbose_name": "return label",
                "verbose_name_plural": "return labels",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["unpaid", "own"])), name="label_kind"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("kind", "own"), models.Q(("file", ""), _negated=True)),
                            models.Q(("file", ""), ("kind", "unpaid")),
                            _connector="OR",
                        ),
                        name="label_own_has_a_file",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("cost_minor__isnull", True), ("currency", "")),
                            models.Q(
                                ("cost_minor__gte", 0),
                                ("cost_minor__isnull", False),
                                models.Q(("currency", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="label_cost_is_whole",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("voided_at__isnull", True)),
                        fields=("request",),
                        name="label_one_in_force",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("file", ""), _negated=True),
                        fields=("file",),
                        name="label_file_once",
                    ),
                ],
            },
        ),
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
        migrations.CreateModel(
            name="Payout",
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
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3, verbose_name="currency")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("recorded", "Recorded by hand"),
                            ("handed_over", "Handed over to the shop"),
                        ],
                        max_length=20,
                        verbose_name="kind",
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("requested", "To be paid"),
                            ("failed", "Failed"),
                            ("confirmed", "Paid"),
                            ("given_up", "Given up"),
                        ],
                        default="requested",
                        max_length=20,
                        verbose_name="state",
                    ),
                ),
                ("idempotency_key", models.CharField(max_length=150, unique=True)),
                ("attempts", models.PositiveSmallIntegerField(default=0, verbose_name="attempts")),
                ("next_attempt_at", models.DateTimeField(blank=True, null=True, verbose_name="next attempt")),
                ("lease_token", models.CharField(blank=True, max_length=32)),
                (
                    "failure",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("refused", "The shop refused to pay it."),
                            ("no_answer", "The shop did not answer."),
                            ("reported", "The shop reports that the payment failed."),
                            ("not_handed_over", "Refunds are no longer handed over to the shop."),
                            ("paid_after_all", "Given up here, but the shop reports that it was paid."),
                        ],
                        max_length=20,
                        verbose_name="what went wrong",
                    ),
                ),
                ("shop_words", models.CharField(blank=True, max_length=200, verbose_name="the shop's words")),
                (
                    "requested_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        verbose_name="requested",
                    ),
                ),
                ("confirmed_at", models.DateTimeField(blank=True, null=True, verbose_name="confirmed")),
                ("paid_date", models.DateField(blank=True, null=True, verbose_name="day of the refund")),
                (
                    "event",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="payouts",
                        to="returns.returnevent",
                    ),
                ),
                (
                    "order",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="payouts",
                        to="returns.order",
                    ),
                ),
                (
                    "request",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="payouts",
                        to="returns.returnrequest",
                    ),
                ),
                (
                    "seller",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="returns.seller",
                    ),
                ),
                (
                    "settled_by",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="settled by",
                    ),
                ),
            ],
            options={
                "verbose_name": "pay-out",
                "verbose_name_plural": "pay-outs",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("amount_minor__gt", 0)), name="payout_amount"),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["recorded", "handed_over"])), name="payout_kind"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ["requested", "failed", "confirmed", "given_up"])),
                        name="payout_status",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "failure__in",
                                ["refused", "no_answer", "reported", "not_handed_over", "paid_after_all", ""],
                            )
                        ),
                        name="payout_failure",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("confirmed_at__isnull", False),
                                ("paid_date__isnull", False),
                                ("status", "confirmed"),
                            ),
                            models.Q(
                                models.Q(("status", "confirmed"), _negated=True),
                                ("confirmed_at__isnull", True),
                                ("paid_date__isnull", True),
                            ),
                            _connector="OR",
                        ),
                        name="payout_confirmed_is_whole",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("status__in", ("failed", "given_up")),
                                models.Q(("failure", ""), _negated=True),
                            ),
                            models.Q(
                                models.Q(("status__in", ("failed", "given_up")), _negated=True),
                                ("failure", ""),
                            ),
                            _connector="OR",
                        ),
                        name="payout_failed_says_why",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("lease_token", ""), ("next_attempt_at__isnull", True)),
                            models.Q(
                                ("kind", "handed_over"),
                                ("next_attempt_at__isnull", False),
                                ("status", "requested"),
                            ),
                            _connector="OR",
                        ),
                        name="payout_attempt_only_while_requested",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("kind", "handed_over"),
                            ("status__in", ("requested", "confirmed")),
                            _connector="OR",
                        ),
                        name="payout_by_hand_never_fails",
                    ),
                ],
                "indexes": [
                    models.Index(fields=["seller", "status", "id"], name="payout_of_seller"),
                    models.Index(
                        condition=models.Q(("next_attempt_at__isnull", False)),
                        fields=["next_attempt_at", "id"],
                        name="payout_due",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Refund",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "part",
                    models.CharField(
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
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3, verbose_name="currency")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("recorded", "Recorded by hand"),
                            ("handed_over", "Handed over to the shop"),
                        ],
                        max_length=20,
                        verbose_name="kind",
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("requested", "Requested"),
                            ("confirmed", "Confirmed"),
                            ("failed", "Failed"),
                            ("given_up", "Given up"),
                        ],
                        max_length=20,
                        verbose_name="status",
                    ),
                ),
                (
                    "cause",
                    models.CharField(
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
                ("refunded_date", models.DateField(verbose_name="day of the refund")),
                ("idempotency_key", models.CharField(max_length=150, unique=True)),
                (
                    "recorded_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                (
                    "order_item",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="refunds",
                        to="returns.orderitem",
                    ),
                ),
                (
                    "event",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="refunds",
                        to="returns.returnevent",
                    ),
                ),
                (
                    "request",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="refunds",
                        to="returns.returnrequest",
                    ),
                ),
                (
                    "seller",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="returns.seller"
                    ),
                ),
                ("memo", models.CharField(blank=True, max_length=500, verbose_name="memo to the buyer")),
                ("note", models.CharField(blank=True, max_length=255, verbose_name="note to yourself")),
                (
                    "user",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "payout",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="refunds",
                        to="returns.payout",
                    ),
                ),
            ],
            options={
                "verbose_name": "refund",
                "verbose_name_plural": "refunds",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("amount_minor__gt", 0)), name="refund_amount"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("part__in", ["item", "tax", "shipping", "return_shipping", "goodwill"])
                        ),
                        name="refund_part",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["recorded", "handed_over"])), name="refund_kind"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("cause__in", ["event", "promise", "offer", "rule", "concession"])
                        ),
                        name="refund_cause",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ["requested", "confirmed", "failed", "given_up"])),
                        name="refund_status",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("payout__isnull", False),
                            models.Q(("kind", "recorded"), ("status", "confirmed")),
                            _connector="OR",
                        ),
                        name="refund_open_has_payout",
                    ),
                ],
                "indexes": [
                    models.Index(
                        condition=models.Q(("cause", "concession")),
                        fields=["recorded_at"],
                        name="refund_concession",
                    )
                ],
            },
        ),
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
                "indexes": [models.Index(fields=["updated_at"], name="draft_by_age")],
                "constraints": [
                    models.UniqueConstraint(fields=("order", "user"), name="draft_once"),
                    models.UniqueConstraint(
                        condition=models.Q(("user__isnull", True)),
                        fields=("order",),
                        name="draft_of_buyer_once",
                    ),
                ],
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
                "constraints": [
                    models.CheckConstraint(
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
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="RulesVersion",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("version", models.PositiveIntegerField(unique=True, verbose_name="version")),
                ("in_force_from", models.DateTimeField(verbose_name="in force from")),
                ("columns", models.JSONField(verbose_name="rules")),
            ],
            options={
                "verbose_name": "version of the rules",
                "verbose_name_plural": "versions of the rules",
                "ordering": ("version",),
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
            name="FileRun",
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
                (
                    "kind",
                    models.CharField(
                        choices=[("orders", "Order report"), ("returns", "Returns report")],
                        max_length=10,
                        verbose_name="kind",
                    ),
                ),
                ("file_name", models.CharField(max_length=255, verbose_name="file")),
                ("digest", models.CharField(max_length=64)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("checking", "Being checked"),
                            ("checked", "Checked, not imported"),
                            ("running", "Being imported"),
                            ("done", "Imported"),
                            ("failed", "Failed"),
                        ],
                        default="running",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                ("rows_done", models.PositiveIntegerField(default=0)),
                ("summary", models.JSONField(default=dict)),
                ("started_at", models.DateTimeField(auto_now_add=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                (
                    "user",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "seller",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="file_runs",
                        to="returns.seller",
                    ),
                ),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("lease_token", models.CharField(blank=True, max_length=32)),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("preview", models.JSONField(default=dict)),
                ("progress", models.JSONField(default=dict)),
                ("refusal", models.JSONField(default=dict)),
                ("rows_total", models.PositiveIntegerField(blank=True, null=True)),
                ("upload", models.CharField(blank=True, max_length=100)),
            ],
            options={
                "verbose_name": "file",
                "verbose_name_plural": "files",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["orders", "returns"])), name="file_run_kind"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ["checking", "checked", "running", "done", "failed"])
                        ),
                        name="file_run_state",
                    ),
                ],
                "indexes": [
                    models.Index(fields=["seller", "id"], name="file_run_by_seller"),
                    models.Index(
                        condition=models.Q(("upload", ""), _negated=True),
                        fields=["id"],
                        name="file_run_with_upload",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="BulkRun",
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
                ("action", models.CharField(max_length=20)),
                ("decision", models.JSONField(default=dict)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("preview", "Not started"),
                            ("running", "Running"),
                            ("done", "Done"),
                            ("undoing", "Being undone"),
                            ("undone", "Undone"),
                        ],
                        default="preview",
                        max_length=10,
                    ),
                ),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "seller",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="bulk_runs",
                        to="returns.seller",
                    ),
                ),
                ("confirmed_at", models.DateTimeField(blank=True, null=True)),
                ("found", models.JSONField(default=dict)),
                ("key", models.CharField(blank=True, max_length=64)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ["preview", "running", "done", "undoing", "undone"])
                        ),
                        name="bulk_run_state",
                    )
                ],
                "indexes": [
                    models.Index(
                        condition=models.Q(("state__in", ("running", "undoing"))),
                        fields=["id"],
                        name="bulk_run_unfinished",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="BulkRow",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("refusal", models.TextField(blank=True)),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="rows", to="returns.bulkrun"
                    ),
                ),
                (
                    "request",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="returns.returnrequest",
                    ),
                ),
                ("language", models.CharField(default="en", max_length=10)),
                ("owed_currency", models.CharField(blank=True, max_length=3)),
                ("owed_minor", models.BigIntegerField(blank=True, null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("done", "Done"),
                            ("refused", "Refused"),
                            ("undone", "Undone"),
                        ],
                        default="waiting",
                        max_length=10,
                    ),
                ),
                ("why_not", models.JSONField(default=dict)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("run", "request"), name="bulk_row_once"),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["waiting", "done", "refused", "undone"])),
                        name="bulk_row_state",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="MarketplaceSettings",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(default="Marketplace", max_length=100, verbose_name="name")),
                ("returns_url", models.URLField(blank=True, verbose_name="address of its own returns page")),
                ("time_zone", models.CharField(default="UTC", max_length=50, verbose_name="time zone")),
                (
                    "language",
                    models.CharField(
                        choices=[("en", "English"), ("zh-hans", "简体中文")],
                        default="en",
                        max_length=10,
                        verbose_name="language",
                    ),
                ),
                (
                    "rules_version",
                    models.PositiveIntegerField(
                        default=1, editable=False, verbose_name="version of the rules"
                    ),
                ),
                (
                    "window_days",
                    models.PositiveSmallIntegerField(
                        default=30,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(365),
                        ],
                        verbose_name="return window in days",
                    ),
                ),
                (
                    "delivery_days",
                    models.PositiveSmallIntegerField(
                        default=7, verbose_name="days from order to estimated delivery"
                    ),
                ),
                (
                    "answer_hours",
                    models.PositiveSmallIntegerField(
                        default=24,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(240),
                        ],
                        verbose_name="hours to answer",
                    ),
                ),
                (
                    "step_in_business_days",
                    models.PositiveSmallIntegerField(default=2, verbose_name="business days until step-in"),
                ),
                (
                    "refund_days",
                    models.PositiveSmallIntegerField(default=4, verbose_name="days to refund after receipt"),
                ),
                (
                    "weekend",
                    models.JSONField(
                        blank=True,
                        default=returns.models.settings._weekend,
                        verbose_name="weekend (0 = Monday)",
                    ),
                ),
                (
                    "holidays",
                    models.JSONField(blank=True, default=list, verbose_name="holidays (YYYY-MM-DD)"),
                ),
                (
                    "prepaid_countries",
                    models.JSONField(
                        blank=True,
                        default=returns.models.settings._us,
                        verbose_name="countries with prepaid labels",
                    ),
                ),
                (
                    "prepaid_exempt_categories",
                    models.JSONField(
                        blank=True,
                        default=returns.models.settings._exempt,
                        verbose_name="categories without prepaid labels",
                    ),
                ),
                (
                    "prepaid_exempt_skus",
                    models.JSONField(blank=True, default=list, verbose_name="SKUs without prepaid labels"),
                ),
                (
                    "not_returnable_categories",
                    models.JSONField(blank=True, default=list, verbose_name="categories not returnable"),
                ),
                (
                    "not_returnable_skus",
                    models.JSONField(blank=True, default=list, verbose_name="SKUs not returnable"),
                ),
                (
                    "grounds_that_warn",
                    models.JSONField(blank=True, default=list, verbose_name="grounds that only warn"),
                ),
                (
                    "retention_days",
                    models.PositiveSmallIntegerField(default=30, verbose_name="retention in days"),
                ),
                (
                    "category_windows",
                    models.JSONField(blank=True, default=dict, verbose_name="return windows of categories"),
                ),
                (
                    "seasons",
                    models.JSONField(
                        blank=True,
                        default=returns.models.settings._holidays_season,
                        verbose_name="seasons with a longer window",
                    ),
                ),
                (
                    "withdrawal_rules",
                    models.JSONField(blank=True, default=list, verbose_name="withdrawal by country"),
                ),
                (
                    "concession_percent",
                    models.PositiveSmallIntegerField(
                        default=100,
                        help_text="In percent of what was paid for the item. A seller can set less.",
                        validators=[django.core.validators.MaxValueValidator(1000)],
                        verbose_name="concessions up to",
                    ),
                ),
            ],
            options={
                "verbose_name": "marketplace settings",
                "verbose_name_plural": "marketplace settings",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("pk", 1)), name="marketplace_settings_one_row"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("language__in", ["en", "zh-hans"])), name="marketplace_language"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Edition",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("mark", models.CharField(max_length=32)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("pk", 1)), name="edition_one_row")
                ],
            },
        ),
        migrations.CreateModel(
            name="ScheduledJob",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=60, unique=True)),
                ("due_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="Heartbeat",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=60, unique=True)),
                ("beat_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="Note",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("text", models.TextField(verbose_name="note")),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("idempotency_key", models.CharField(max_length=64)),
                (
                    "author",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "request",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="notes",
                        to="returns.returnrequest",
                    ),
                ),
            ],
            options={
                "verbose_name": "note",
                "verbose_name_plural": "notes",
                "constraints": [
                    models.UniqueConstraint(fields=("request", "idempotency_key"), name="note_key_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="Deciding",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("version", models.PositiveIntegerField()),
                ("until", models.DateTimeField()),
                (
                    "request",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="returns.returnrequest",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("request", "user"), name="deciding_once")],
            },
        ),
        migrations.RunPython(ledger.install, ledger.remove),
        migrations.RunPython(beginning.fill, migrations.RunPython.noop),
        migrations.RunPython(editions.install, editions.remove),
        migrations.RunPython(members.install, members.remove),
        migrations.RunPython(rules.begin, migrations.RunPython.noop),
        migrations.RunPython(rules.install, rules.remove),
        migrations.RunPython(costs.install, costs.remove),
    ]
