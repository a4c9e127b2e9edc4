"""Who may speak to the broker: the authority, the certificates of gateways, the logins of subscribers."""
