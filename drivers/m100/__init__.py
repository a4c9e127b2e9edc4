"""Modules of the "BB ... 7E" family: M100, QM100, R200."""
