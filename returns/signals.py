"""What others may listen to. This app never knows who listens."""

from django.dispatch import Signal

# Sent after commit when events were written that somebody may have to be told of. It only hurries: whatever
# listens may miss it, the events stay in the ledger until they are relayed. Arguments: none.
events_written = Signal()
