"""Pages and operations about people, their roles and tokens, and about what everybody changed."""
