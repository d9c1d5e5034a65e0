"""Several machines' worth of processes on one: a streaming replica, PgBouncer and nginx before real servers."""
