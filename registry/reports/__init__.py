"""Figures over what we own: what it is and worth, how it is used, what keeping it costs, what is to be replaced."""
