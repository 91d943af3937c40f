"""Every read for pages, imports and services. Takes an actor; shows nobody what is not theirs."""
