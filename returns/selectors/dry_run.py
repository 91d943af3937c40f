"""What changed rules would have decided: the newest requests judged again from what their verdicts were made of."""

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from ..judged import facts_of
from ..models import MarketplaceSettings, ReturnItem, ReturnRequest, RulesVersion
from ..models.policies import RULES
from ..policy import PolicyVerdict, judge_item, judge_request
from ..withdrawal import judge_withdrawal

LATEST = 500


@dataclass(frozen=True, slots=True)
class Decided:
    """What is decided of a request. `is_timely`: whether a declared withdrawal is in time; None without one."""

    policy: PolicyVerdict
    prepaid_eligible: bool
    window_end_date: date | None
    is_timely: bool | None


@dataclass(frozen=True, slots=True)
class Difference:
    pk: int
    name: str
    order_number: str
    requested_at: datetime
    before: Decided
    after: Decided

    @property
    def is_window_alone(self) -> bool:
        """Nothing but the end of the window differs."""
        return replace(self.before, window_end_date=None) == replace(self.after, window_end_date=None)


@dataclass(frozen=True, slots=True)
class DryRun:
    """`judged`: how many requests were judged again, `skipped`: whose verdicts came without what they were made of;
    `counts`: differences by kind (``verdict``, ``prepaid``, ``window``, ``withdrawal``); `differences`: newest first,
    those after all others in which nothing but the end of the window differs.
    """

    judged: int
    skipped: int
    counts: dict[str, int]
    differences: list[Difference]


def dry_run(settings: MarketplaceSettings) -> DryRun:
    """What `settings`, which need not be saved, would have decided otherwise. Two queries; writes nothing.

    Compared with what was decided, by the rules in force then. Facts that came later change nothing: each request is
    judged by what was known when its verdict was made.
    """
    version = RulesVersion(version=0, columns={name: getattr(settings, name) for name in RULES})
    requests = list(
        ReturnRequest.objects.select_related("seller", "order")
        .only(
            *("rma_number", "reference", "requested_at", "policy", "prepaid_eligible", "window_end_date"),
            *("is_timely_withdrawal", "seller__country", "order__order_number", "order__is_business"),
        )
        .order_by("-pk")[:LATEST]
    )
    items: dict[int, list[Any]] = defaultdict(list)
    oldest = min((request.pk for request in requests), default=0)
    for request_id, verdict in (
        ReturnItem.objects.filter(request_id__gte=oldest)
        .order_by("ordinal", "id")
        .values_list("request_id", "verdict")
    ):
        items[request_id].append(facts_of(verdict))
    differences, counts, skipped = [], Counter[str](), 0
    rules_of = {
        country: version.rules(settings, time_zone=settings.time_zone, home_country=country)
        for country in {request.seller.country for request in requests}
    }
    for request in requests:
        facts = items[request.pk]
        if not facts or None in facts:
            skipped += 1
            continue
        verdict = judge_request([judge_item(known, rules_of[request.seller.country]) for known in facts])
        is_timely = None
        if request.is_timely_withdrawal:
            is_timely = judge_withdrawal(
                facts,
                version.withdrawal_rule(facts[0].country),
                is_business=request.order.is_business,
                rules_version=0,
            ).is_timely
        before = Decided(
            PolicyVerdict(request.policy),
            request.prepaid_eligible,
            request.window_end_date,
            request.is_timely_withdrawal or None,
        )
        after = Decided(verdict.policy, verdict.prepaid_eligible, verdict.window_end_date, is_timely)
        if before == after:
            continue
        counts["verdict"] += before.policy != after.policy
        counts["prepaid"] += before.prepaid_eligible != after.prepaid_eligible
        counts["window"] += before.window_end_date != after.window_end_date
        counts["withdrawal"] += before.is_timely != after.is_timely
        differences.append(
            Difference(
                request.pk, str(request), request.order.order_number, request.requested_at, before, after
            )
        )
    differences.sort(key=lambda one: one.is_window_alone)
    return DryRun(len(requests) - skipped, skipped, dict(counts), differences)
