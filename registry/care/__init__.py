"""What keeps assets alive: agreements about them, how they are, and the work on them."""
