"""Consumables: how much of what lies where, when it runs out or expires, and what to order."""
