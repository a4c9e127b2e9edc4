"""A site on record: what its readers sent, with their times, in a file from which the same events come again."""
