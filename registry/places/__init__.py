"""What is at a place: now, on a date, against what belongs there; on its floor plan, and on a map."""
