"""How gunicorn serves the panel's pages: threads, JSON log lines, metrics of ended processes, no control socket."""

import os
from pathlib import Path
from typing import Any

from gunicorn.glogging import Logger

from npanel import env
from npanel.panel_certificate import refuse_to_start

# Before anything imports prometheus_client: it looks for this directory once.
env.prepare_metrics_directory()
os.environ.setdefault("NPANEL_INTERFACE", "admin")

from observability.logging import configure  # noqa: E402
from observability.multiprocess import mark_process_dead  # noqa: E402

wsgi_app = "npanel.wsgi"
bind = env.text("BIND", "127.0.0.1:8080")
# A unix socket is for its owner and group: whoever can write to it is believed about the client's address.
umask = 0o007
worker_class = "gthread"
workers = env.number("WEB_PROCESSES", 2)
threads = env.number("WEB_THREADS", 8)
timeout = 60
graceful_timeout = 10
keepalive = 5
# A socket that takes commands is a door nobody guards; the supervisor's signals do what we need.
control_socket_disable = True
# A worker touches a file there every second: memory, so that a slow disk does not look like a dead worker.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - gunicorn makes its own file there


class JsonLogger(Logger):
    """Hands gunicorn's own lines to the panel's log instead of writing its format beside it."""

    def setup(self, cfg: Any) -> None:
        """Set levels as gunicorn does, then leave the writing to the root logger."""
        super().setup(cfg)
        for log in (self.error_log, self.access_log):
            log.handlers.clear()
            log.propagate = True


logger_class = JsonLogger


def on_starting(server: Any) -> None:
    """Let the master process log as the panel does (each worker process configures itself with Django's settings).

    Raises:
        SystemExit: this is production, and its certificate is none that people should be shown.
    """
    configure(level=env.text("LOG_LEVEL", "INFO"), **env.log_lines(os.environ["NPANEL_INTERFACE"]))
    refuse_to_start(env.text("ENVIRONMENT", "development"))


def child_exit(server: Any, worker: Any) -> None:
    """Keep the counts of a worker process that ended, and forget its files."""
    mark_process_dead(worker.pid)
