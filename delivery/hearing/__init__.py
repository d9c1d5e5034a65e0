"""Hearing of changes before their writes are answered: what makes it safe to answer from memory.

    lease       PostgreSQL: how a process hears of changes, and until when it may answer from memory
    handover    PostgreSQL: a writer waits until everybody has heard
    log         SQLite: a look at the file before every answer

Measured and decided in docs/decisions/0016-never-stale.md.
"""
