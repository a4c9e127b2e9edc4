"""Readers of the "A0" family: Rodinbell, Invelion and their many labels."""
