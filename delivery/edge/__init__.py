"""Public reads from memory, in front of Django: docs/performance.md.

asking      which requests are plain public reads, and under which name their answer is kept
answers     what is kept, and its variants: compressed, not modified
memory      the answers, by surrogate key, bounded in bytes
layer       the ASGI application that puts them together
direct      PostgreSQL: the miss without Django's handler
serving     all of it, as the settings say, started and stopped with the server
"""
