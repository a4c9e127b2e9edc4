"""Assets from tables: a dry run that tells everything, then writing that can be stopped at any row and go on."""
