"""What a process of ours is to the machine it runs on: how it starts others, and what it tells systemd."""
