"""The local page of the gateway, its metrics and its health answers. Start with server.py."""
