"""When recipes run by themselves: rules, a table of every occurrence, and the daemon that keeps it."""
