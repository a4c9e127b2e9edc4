"""From the gateway's outbox to the registry's ingest."""
