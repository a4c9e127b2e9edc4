"""What a gateway does when the registry tells it to."""
