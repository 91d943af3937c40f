"""E-mail addresses: one for each recipient, checked by us.

Django takes "a@x.test, b@y.test" for one address and lets through `a@localhost` and IP literals.
"""

import hashlib
import re

_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*", re.ASCII)
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?", re.ASCII)


def deliverable_address(address: str) -> str:
    """`address` as it goes to a mail server, its domain in ASCII; "" if we do not send to it.

    Refused: anything but one plain `local@domain` (white space, line ends, commas, quotes, comments), a local
    part beyond ASCII, a domain without a dot, `localhost` and what lies below it, an IP address.
    """
    local, at, domain = address.partition("@")
    if not at or len(local) > 64 or not _LOCAL.fullmatch(local):
        return ""
    try:
        domain = domain.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return ""
    labels = domain.split(".")
    if len(labels) < 2 or not all(_LABEL.fullmatch(label) for label in labels):
        return ""
    if labels[-1].isdigit() or labels[-1] == "localhost" or len(local) + len(domain) > 253:
        return ""
    return f"{local}@{domain}"


def email_hash(email: str) -> str:
    """By which an address is found without being shown: the same in whatever case it is written; "" for none.

    Not keyed: it stands beside the address itself, and must outlive a change of the server's keys.
    """
    email = email.strip().lower()
    return hashlib.sha256(email.encode()).hexdigest() if email else ""
