"""Varnish with the module xkey."""

from delivery.providers.node import Node


class Varnish(Node):
    scheme = "varnish"
    header = "xkey-purge"
