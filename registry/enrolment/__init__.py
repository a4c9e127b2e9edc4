"""How gateways get their identity: one-time codes, who used them, and their next certificates."""
