"""What a verdict was made of, kept beside it, so that it can be made again: the same inputs, the same verdict.

Pure functions. The rules themselves are kept under their version; what they leave open (the marketplace's zone, the
seller's country) is kept with the facts.
"""

from collections.abc import Mapping
from dataclasses import fields
from datetime import date, datetime
from typing import Any

from .policy import ItemFacts, Rules, Verdict

# The facts as they are where nothing is known; what is so is left out.
_UNKNOWN = {field.name: field.default for field in fields(ItemFacts)}


def judged_json(verdict: Mapping[str, Any], facts: ItemFacts, rules: Rules) -> dict[str, Any]:
    """An item's verdict as JSON (`Verdict.as_json`) with the inputs it was made of."""
    inputs: dict[str, Any] = {}
    for name, unknown in _UNKNOWN.items():
        value = getattr(facts, name)
        if value != unknown:
            inputs[name] = value.isoformat() if isinstance(value, date) else value
    return {
        **verdict,
        "facts": inputs,
        "time_zone": rules.time_zone,
        "home_country": rules.home_country,
    }


def facts_of(stored: Mapping[str, Any]) -> ItemFacts | None:
    """The facts that `judged_json` kept; None of a verdict that came without."""
    if "facts" not in stored:
        return None
    facts = dict(stored["facts"])
    for name in ("requested_at", "ordered_at"):
        if name in facts:
            facts[name] = datetime.fromisoformat(facts[name])
    for name in ("delivered_date", "estimated_delivery_date", "stated_delivery_date"):
        if name in facts:
            facts[name] = date.fromisoformat(facts[name])
    return ItemFacts(**facts)


def is_same(verdict: Verdict, stored: Mapping[str, Any]) -> bool:
    """Does the stored verdict say what `verdict` says, word for word?"""
    made = verdict.as_json()
    return {name: stored.get(name) for name in made} == made
