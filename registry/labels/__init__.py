"""Labels: what stands on them, on which stock, as PDF and as ZPL, with the EPC for the tag inside."""
