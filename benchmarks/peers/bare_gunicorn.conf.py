"""gunicorn for the bare application: one worker, of the class that WORKER names."""

import os

bind = f"127.0.0.1:{os.environ['PORT']}"
workers = 1
worker_class = os.environ["WORKER"]
keepalive = 75
loglevel = "warning"
control_socket_disable = True
