"""Settings, addresses and processes of the returns desk."""
