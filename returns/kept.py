"""What was made lately and would be made alike again: rows of the list, and the page around them."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

Made = TypeVar("Made")


class Kept(Generic[Made]):
    """Things by all that they are made of; the `limit` of them that were asked for last."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.pieces: OrderedDict[Hashable, Made] = OrderedDict()
        self.lock = Lock()

    def get(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """The thing of this key, made if need be. Two who need it at once both make it, and make the same."""
        with self.lock:
            if key in self.pieces:
                self.pieces.move_to_end(key)
                return self.pieces[key]
        made = make()
        with self.lock:
            self.pieces[key] = made
            while len(self.pieces) > self.limit:
                self.pieces.popitem(last=False)
        return made
