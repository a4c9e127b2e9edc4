"""Who may come in: people with a password, programs with a token."""
