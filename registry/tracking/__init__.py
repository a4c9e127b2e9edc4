"""Where things are: what gateways tell, positions and stays made from it, and the process that takes it in."""
