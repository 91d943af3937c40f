"""Each saved change of the rules is a row that stays; and what the laws say of withdrawals, to begin with.

Days off, in which no period ends, are the nationwide ones of each country; regional ones are for the marketplace
to add. The zone is the westernmost of the country, so that nobody's last day is cut short.
"""

from datetime import UTC, datetime
from importlib import import_module

from django.db import migrations, models

import returns.models.settings

members = import_module("returns.migrations.0012_teamwork")

TABLE = "returns_rulesversion"
COLUMNS = (
    "window_days",
    "delivery_days",
    "category_windows",
    "seasons",
    "withdrawal_rules",
    "prepaid_countries",
    "prepaid_exempt_categories",
    "prepaid_exempt_skus",
    "not_returnable_categories",
    "not_returnable_skus",
    "time_zone",
    "answer_hours",
    "step_in_business_days",
    "refund_days",
    "weekend",
    "holidays",
)
MESSAGE = "versions of the rules are append-only"

CHRISTMAS = "01-01 12-25 12-26"
# Directive 2011/83/EU, articles 9 and 16; where a period ends: Regulation (EEC) 1182/71, article 3.
EUROPEAN_UNION = {
    "AT": ("Europe/Vienna", f"{CHRISTMAS} 01-06 05-01 08-15 10-26 11-01 12-08 easter+1 +39 +50 +60"),
    "BE": ("Europe/Brussels", "01-01 05-01 07-21 08-15 11-01 11-11 12-25 easter+1 +39 +50"),
    "BG": (
        "Europe/Sofia",
        f"{CHRISTMAS} 03-03 05-01 05-06 05-24 09-06 09-22 12-24 orthodox-2 -1 +1",
    ),
    "CY": (
        "Asia/Nicosia",
        f"{CHRISTMAS} 01-06 03-25 04-01 05-01 08-15 10-01 10-28 orthodox-48 -2 +1 +50",
    ),
    "CZ": (
        "Europe/Prague",
        f"{CHRISTMAS} 05-01 05-08 07-05 07-06 09-28 10-28 11-17 12-24 easter-2 +1",
    ),
    "DE": ("Europe/Berlin", f"{CHRISTMAS} 05-01 10-03 easter-2 +1 +39 +50"),
    "DK": ("Europe/Copenhagen", f"{CHRISTMAS} easter-3 -2 +1 +39 +50"),
    "EE": ("Europe/Tallinn", f"{CHRISTMAS} 02-24 05-01 06-23 06-24 08-20 12-24 easter-2"),
    "ES": ("Atlantic/Canary", "01-01 01-06 05-01 08-15 10-12 11-01 12-06 12-08 12-25 easter-2"),
    "FI": ("Europe/Helsinki", f"{CHRISTMAS} 01-06 05-01 12-06 easter-2 +1 +39"),
    "FR": ("Europe/Paris", "01-01 05-01 05-08 07-14 08-15 11-01 11-11 12-25 easter+1 +39 +50"),
    "GR": ("Europe/Athens", f"{CHRISTMAS} 01-06 03-25 05-01 08-15 10-28 orthodox-48 -2 +1 +50"),
    "HR": (
        "Europe/Zagreb",
        f"{CHRISTMAS} 01-06 05-01 05-30 06-22 08-05 08-15 11-01 11-18 easter+1 +60",
    ),
    "HU": ("Europe/Budapest", f"{CHRISTMAS} 03-15 05-01 08-20 10-23 11-01 easter-2 +1 +50"),
    "IE": (
        "Europe/Dublin",
        (
            f"{CHRISTMAS} 03-17 easter+1 2026-02-02 2026-05-04 2026-06-01 2026-08-03 2026-10-26 "
            "2027-02-01 2027-05-03 2027-06-07 2027-08-02 2027-10-25 "
            "2028-02-07 2028-05-01 2028-06-05 2028-08-07 2028-10-30"
        ),
    ),
    "IT": ("Europe/Rome", f"{CHRISTMAS} 01-06 04-25 05-01 06-02 08-15 10-04 11-01 12-08 easter+1"),
    "LT": (
        "Europe/Vilnius",
        f"{CHRISTMAS} 02-16 03-11 05-01 06-24 07-06 08-15 11-01 11-02 12-24 easter+1",
    ),
    "LU": ("Europe/Luxembourg", f"{CHRISTMAS} 05-01 05-09 06-23 08-15 11-01 easter+1 +39 +50"),
    "LV": (
        "Europe/Riga",
        f"{CHRISTMAS} 05-01 05-04 06-23 06-24 11-18 12-24 12-31 easter-2 +1",
    ),
    "MT": (
        "Europe/Malta",
        "01-01 02-10 03-19 03-31 05-01 06-07 06-29 08-15 09-08 09-21 12-08 12-13 12-25 easter-2",
    ),
    "NL": ("Europe/Amsterdam", f"{CHRISTMAS} 04-27 05-05 easter-2 +1 +39 +50"),
    "PL": ("Europe/Warsaw", f"{CHRISTMAS} 01-06 05-01 05-03 08-15 11-01 11-11 12-24 easter+1 +60"),
    "PT": (
        "Atlantic/Azores",
        "01-01 04-25 05-01 06-10 08-15 10-05 11-01 12-01 12-08 12-25 easter-2 +60",
    ),
    "RO": (
        "Europe/Bucharest",
        f"{CHRISTMAS} 01-02 01-06 01-07 01-24 05-01 06-01 08-15 11-30 12-01 orthodox-2 +1 +50",
    ),
    "SE": (
        "Europe/Stockholm",
        f"{CHRISTMAS} 01-06 05-01 06-06 12-24 12-31 easter-2 +1 +39 2026-06-19 2027-06-25 2028-06-23",
    ),
    "SI": ("Europe/Ljubljana", f"{CHRISTMAS} 01-02 02-08 04-27 05-01 05-02 06-25 08-15 10-31 11-01 easter+1"),
    "SK": ("Europe/Bratislava", f"{CHRISTMAS} 01-06 05-01 05-08 07-05 08-29 09-15 11-01 12-24 easter-2 +1"),
}


def withdrawal_rules():
    """Days off are written as a feast and, after it, further days counted from it."""
    rules = [
        _rule(country, 14, zone, rolls_over=True, days_off=_spelled_out(days_off))
        for country, (zone, days_off) in EUROPEAN_UNION.items()
    ]
    # Consumer Contracts Regulations 2013, regulation 30; law on consumers' rights, article 25.
    rules.append(
        _rule("CN", 7, "Asia/Shanghai", exempt=("custom-made", "non-physical", "perishable", "press"))
    )
    rules.append(_rule("GB", 14, "Europe/London"))
    return sorted(rules, key=lambda rule: rule["country"])


def _rule(country, days, zone, *, rolls_over=False, days_off=(), exempt=("custom-made", "perishable")):
    return {
        "country": country,
        "days": days,
        "start": "next-day",
        "rolls_over": rolls_over,
        "payer": "buyer",
        "time_zone": zone,
        "exempt_categories": list(exempt),
        "days_off": sorted(days_off),
    }


def _spelled_out(written):
    feast, days = "", ["sat", "sun"]
    for day in written.split():
        if day[0].isalpha():
            feast = day.rstrip("+-0123456789")
        days.append(f"{feast}{day}" if day[0] in "+-" else day)
    return days


def begin(apps, schema_editor):
    """The rules there are become the first version; it holds for all orders there are."""
    settings = apps.get_model("returns", "MarketplaceSettings").objects.filter(pk=1).first()
    if settings is None:
        return
    settings.withdrawal_rules = withdrawal_rules()
    settings.save(update_fields=["withdrawal_rules"])
    apps.get_model("returns", "RulesVersion").objects.create(
        version=settings.rules_version,
        in_force_from=datetime(1970, 1, 1, tzinfo=UTC),
        columns={name: getattr(settings, name) for name in COLUMNS},
    )


def install(apps, schema_editor):
    """Nobody changes a version, and a new one changes the mark of 0004 under which the rules are kept in memory.

    PostgreSQL also refuses deletes; SQLite does not, as in 0002.
    """
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(
            f"""
            CREATE FUNCTION returns_rules_are_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                RAISE EXCEPTION '{MESSAGE}' USING ERRCODE = 'check_violation';
            END $$;
            CREATE TRIGGER rules_are_frozen BEFORE UPDATE OR DELETE ON {TABLE}
                FOR EACH ROW EXECUTE FUNCTION returns_rules_are_frozen();
            CREATE TRIGGER new_edition AFTER INSERT ON {TABLE}
                FOR EACH STATEMENT EXECUTE FUNCTION returns_new_edition();
            """,
            params=None,
        )
    else:
        schema_editor.execute(
            f"CREATE TRIGGER rules_are_frozen BEFORE UPDATE ON {TABLE} "
            f"BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END"
        )
        schema_editor.execute(
            f"CREATE TRIGGER {TABLE}_new_edition AFTER INSERT ON {TABLE} "
            "BEGIN UPDATE returns_edition SET mark = lower(hex(randomblob(16))); END"
        )


def remove(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(
            f"DROP TRIGGER new_edition ON {TABLE}; DROP TRIGGER rules_are_frozen ON {TABLE}; "
            "DROP FUNCTION returns_rules_are_frozen();"
        )
    else:
        schema_editor.execute("DROP TRIGGER rules_are_frozen")
        schema_editor.execute(f"DROP TRIGGER {TABLE}_new_edition")


class Migration(migrations.Migration):
    dependencies = [("returns", "0016_seller_rules")]
    operations = [
        migrations.CreateModel(
            name="RulesVersion",
            fields=[
                ("id", members.pk()),
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
        migrations.AddField(
            model_name="marketplacesettings",
            name="category_windows",
            field=models.JSONField(blank=True, default=dict, verbose_name="return windows of categories"),
        ),
        migrations.AddField(
            model_name="marketplacesettings",
            name="seasons",
            field=models.JSONField(
                blank=True,
                default=returns.models.settings._holidays_season,
                verbose_name="seasons with a longer window",
            ),
        ),
        migrations.AddField(
            model_name="marketplacesettings",
            name="withdrawal_rules",
            field=models.JSONField(blank=True, default=list, verbose_name="withdrawal by country"),
        ),
        migrations.RunPython(begin, migrations.RunPython.noop),
        migrations.RunPython(install, remove),
    ]
