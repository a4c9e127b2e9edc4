"""One stylesheet and its icons for the gateway's page and the registry's pages. No code."""
