"""Who has what: check-outs with acceptance, bookings, transfers between places."""
