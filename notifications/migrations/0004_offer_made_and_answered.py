"""The messages of an offer."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("notifications", "0003_message_and_withdrawal_received"),
        ("returns", "0019_offers"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="message",
            name="message_kind",
        ),
        migrations.RemoveConstraint(
            model_name="preference",
            name="preference_kind",
        ),
        migrations.AlterField(
            model_name="message",
            name="kind",
            field=models.CharField(
                choices=[
                    ("return_opened", "Return request opened"),
                    ("withdrawal_received", "Withdrawal from the contract"),
                    ("return_authorized", "Return request authorized"),
                    ("label_provided", "Return label provided"),
                    ("return_closed", "Return request closed"),
                    ("return_closed_by_buyer", "Return request closed by the buyer"),
                    ("close_receipt", "Receipt for the buyer"),
                    ("return_kept", "Item kept by the buyer"),
                    ("return_reopened", "Return request reopened"),
                    ("escalated", "Marketplace asked to step in"),
                    ("escalation_answered", "Marketplace has answered"),
                    ("return_received", "Item received"),
                    ("return_not_returned", "Item not returned"),
                    ("send_back_reminder", "Reminder to send the item back"),
                    ("deadline_near", "Deadline near or past"),
                    ("return_completed", "Return request completed"),
                    ("refund_issued", "Refund issued"),
                    ("message_received", "Message received"),
                    ("offer_made", "Offer made"),
                    ("offer_answered", "Offer answered or ended"),
                    ("buyer_code", "Sign-in code for the buyer"),
                    ("invitation", "Invitation to a team"),
                    ("import_finished", "File read"),
                ],
                max_length=30,
                verbose_name="kind",
            ),
        ),
        migrations.AlterField(
            model_name="preference",
            name="kind",
            field=models.CharField(
                choices=[
                    ("return_opened", "Return request opened"),
                    ("withdrawal_received", "Withdrawal from the contract"),
                    ("return_authorized", "Return request authorized"),
                    ("label_provided", "Return label provided"),
                    ("return_closed", "Return request closed"),
                    ("return_closed_by_buyer", "Return request closed by the buyer"),
                    ("close_receipt", "Receipt for the buyer"),
                    ("return_kept", "Item kept by the buyer"),
                    ("return_reopened", "Return request reopened"),
                    ("escalated", "Marketplace asked to step in"),
                    ("escalation_answered", "Marketplace has answered"),
                    ("return_received", "Item received"),
                    ("return_not_returned", "Item not returned"),
                    ("send_back_reminder", "Reminder to send the item back"),
                    ("deadline_near", "Deadline near or past"),
                    ("return_completed", "Return request completed"),
                    ("refund_issued", "Refund issued"),
                    ("message_received", "Message received"),
                    ("offer_made", "Offer made"),
                    ("offer_answered", "Offer answered or ended"),
                    ("buyer_code", "Sign-in code for the buyer"),
                    ("invitation", "Invitation to a team"),
                    ("import_finished", "File read"),
                ],
                max_length=30,
                verbose_name="kind",
            ),
        ),
        migrations.AddConstraint(
            model_name="message",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "kind__in",
                        [
                            "return_opened",
                            "withdrawal_received",
                            "return_authorized",
                            "label_provided",
                            "return_closed",
                            "return_closed_by_buyer",
                            "close_receipt",
                            "return_kept",
                            "return_reopened",
                            "escalated",
                            "escalation_answered",
                            "return_received",
                            "return_not_returned",
                            "send_back_reminder",
                            "deadline_near",
                            "return_completed",
                            "refund_issued",
                            "message_received",
                            "offer_made",
                            "offer_answered",
                            "buyer_code",
                            "invitation",
                            "import_finished",
                        ],
                    )
                ),
                name="message_kind",
            ),
        ),
        migrations.AddConstraint(
            model_name="preference",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "kind__in",
                        [
                            "return_opened",
                            "withdrawal_received",
                            "return_authorized",
                            "label_provided",
                            "return_closed",
                            "return_closed_by_buyer",
                            "close_receipt",
                            "return_kept",
                            "return_reopened",
                            "escalated",
                            "escalation_answered",
                            "return_received",
                            "return_not_returned",
                            "send_back_reminder",
                            "deadline_near",
                            "return_completed",
                            "refund_issued",
                            "message_received",
                            "offer_made",
                            "offer_answered",
                            "buyer_code",
                            "invitation",
                            "import_finished",
                        ],
                    )
                ),
                name="preference_kind",
            ),
        ),
    ]
