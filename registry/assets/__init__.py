"""What we own, by which codes it is known, how it is sorted and where it belongs."""
