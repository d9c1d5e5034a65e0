"""Varnish and nginx, set up as docs/cdn.md says, on ports of their own."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import STDOUT, Popen

from tests.faults.client import Answer, Client
from tests.faults.processes import BASE, HOST, accepts, end, free_port, wait_until

TOKEN = "a-long-random-text"  # as it stands on the page
MODULES = Path("/usr/lib/nginx/modules")
PACKAGES = "varnish, varnish-modules, nginx-light and libnginx-mod-http-lua"

NGINX = """
load_module {modules}/ndk_http_module.so;
load_module {modules}/ngx_http_lua_module.so;
daemon off;
worker_processes 2;
user root;
pid {folder}/pid;
error_log stderr warn;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{page}
}}
"""


@dataclass(frozen=True)
class Cache:
    port: int  # for visitors
    purge_url: str
    purge_header: str

    def get(self, path: str, headers: dict[str, str] | None = None) -> Answer:
        return Client(self.port).ask("GET", path, headers=headers)

    def is_hit(self, path: str, headers: dict[str, str] | None = None) -> bool:
        return self.get(path, headers).headers["x-cache"] == "HIT"

    def purge(self, keys: str, token: str = TOKEN) -> Answer:
        port = int(self.purge_url.rpartition(":")[2])
        return Client(port).ask("PURGE", "//", headers={self.purge_header: keys, "Authorization": f"Bearer {token}"})


@contextmanager
def varnish(folder: Path, origin: int) -> Iterator[Cache]:
    port = free_port()
    vcl = folder / "stitch.vcl"
    vcl.write_text(_replaced(_from_page("vcl"), {'"8000"': f'"{origin}"'}))
    options = ["-j", "none", "-F", "-f", vcl, "-a", f"{HOST}:{port}", "-n", folder / "varnish", "-s", "malloc,16m"]
    with _running(["varnishd", *options], folder / "varnish.log", port):
        yield Cache(port, f"varnish://{HOST}:{port}", "xkey-purge")


@contextmanager
def nginx(folder: Path, origin: int) -> Iterator[Cache]:
    port, purge = free_port(), free_port()
    places = {
        "127.0.0.1:8000": f"{HOST}:{origin}",
        "listen 80;": f"listen {HOST}:{port};",
        "listen 127.0.0.1:8081;": f"listen {HOST}:{purge};",
        "/var/cache/stitch": str(folder / "cache"),
    }
    page = _replaced(_from_page("nginx"), places)
    configuration = folder / "nginx.conf"
    configuration.write_text(NGINX.format(modules=MODULES, folder=folder, page=page))
    with _running(["nginx", "-p", folder, "-c", configuration], folder / "nginx.log", port):
        yield Cache(port, f"nginx://{HOST}:{purge}", "Surrogate-Key")


CACHES = {"varnish": varnish, "nginx": nginx}


def _from_page(language: str) -> str:
    """The one block of the page in that language."""
    page = (BASE / "docs/cdn.md").read_text()
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    return str(found)


def _replaced(text: str, places: dict[str, str]) -> str:
    for old, new in places.items():
        assert old in text, f"{old} does not stand on the page"
        text = text.replace(old, new)
    return text


@contextmanager
def _running(command: list[object], log: Path, port: int) -> Iterator[None]:
    """Fails, rather than being left out, where the program is missing: what was not shown does not count as shown."""
    program = shutil.which(str(command[0])) or shutil.which(str(command[0]), path="/usr/sbin:/usr/local/sbin")
    assert program is not None, f"{command[0]} is not installed; these tests need {PACKAGES}"
    with log.open("wb") as out:
        process = Popen([program, *map(str, command[1:])], stdout=out, stderr=STDOUT)
    try:
        wait_until(lambda: _is_up(process, port, log), seconds=20, what=f"{command[0]} answers, see {log}")
        yield
    finally:
        end(process)


def _is_up(process: Popen[bytes], port: int, log: Path) -> bool:
    assert process.poll() is None, log.read_text()
    return accepts(port)
