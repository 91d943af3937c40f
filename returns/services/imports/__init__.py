"""Reading the marketplace's files into the database: who bought what, and what comes back.

Both services read a file in full before they write, and write in chunks, each all or nothing; the rows of one
order are always in the same chunk, wherever they stand in the file. A run that was killed is finished by
reading the same file again; an uploaded file goes on by itself (`uploads`). An import is quiet: nobody is
mailed because of it, no rule acts.
"""

from .orders import import_orders
from .returns import import_returns
from .runs import Contradiction, Summary
from .uploads import commit_file, discard_file, receive_file, work_on_a_file

__all__ = [
    "Contradiction",
    "Summary",
    "commit_file",
    "discard_file",
    "import_orders",
    "import_returns",
    "receive_file",
    "work_on_a_file",
]
