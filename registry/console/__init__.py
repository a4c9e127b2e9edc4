"""The administrators' console under /admin/: users and sessions, what waits to go out, runs, processes, gateways, the log."""
