"""E-mail addresses as they come in: one plain address, or none."""

import hashlib
import re

_ATOM = r"[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL = re.compile(rf"{_ATOM}(\.{_ATOM})*")
_LABEL = re.compile(r"[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?")
_LONGEST = 254


def single_address(text: str) -> str:
    """`text` if it is exactly one `local@domain` that mail can reach, else "".

    Lists, quotes, comments and names beside the address, domains without a dot and IP addresses are none.
    """
    text = text.strip()
    local, _at, domain = text.rpartition("@")
    try:
        labels = domain.encode("idna").decode("ascii").split(".")
    except UnicodeError:
        return ""
    is_reachable = len(labels) > 1 and not labels[-1].isdigit() and labels[-1].lower() != "localhost"
    is_plain = len(local) <= 64 and _LOCAL.fullmatch(local) and all(map(_LABEL.fullmatch, labels))
    return text if is_reachable and is_plain and len(text) <= _LONGEST else ""


def email_hash(email: str) -> str:
    """By which an address is found without being shown: the same in whatever case it is written; "" for none.

    Not keyed: it stands beside the address itself, and must outlive a change of the server's keys.
    """
    email = email.strip().lower()
    return hashlib.sha256(email.encode()).hexdigest() if email else ""
