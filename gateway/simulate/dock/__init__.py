"""A dock that is hard to read: doors, carriers, parked tags and a store room, with the truth of what happened, from a seed."""
