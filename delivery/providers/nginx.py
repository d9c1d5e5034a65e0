"""nginx as docs/cdn.md sets it up: a number per kind in the names of its copies, and a purge that counts it up."""

from delivery.providers.node import Node


class Nginx(Node):
    scheme = "nginx"
    header = "Surrogate-Key"
