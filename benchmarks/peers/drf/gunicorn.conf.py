"""Threads in one process: how synchronous Django is usually run where one process is what there is."""

import os

bind = f"127.0.0.1:{os.environ['PORT']}"
workers = 1
worker_class = "gthread"
threads = 4
keepalive = 75
loglevel = "warning"
control_socket_disable = True
