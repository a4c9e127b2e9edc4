"""What is done later: the one outgoing queue, and long work in resumable runs."""
