"""Audits: proof that what should be there is there, as far as possible from reads that happened anyway."""
