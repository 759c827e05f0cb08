"""The same service by a bare script on the node: the primitives without plan, journal, verification or network."""
# ruff: noqa: E501 - a script for another machine, as short as it can be

import json
import statistics

from tests.lab.nodes import Node

_SCRIPT = r"""
import json, os, subprocess, sys, time, urllib.request, http.client
number, key, address = sys.argv[1], open("/etc/powerdns/npanel/api.key").read().strip(), sys.argv[2]
user, domain = "f" + number, "floor%s.test" % number

def write(path, text):
    temporary = path + ".tmp"
    with open(temporary, "w") as handle:
        handle.write(text); handle.flush(); os.fsync(handle.fileno())
    os.rename(temporary, path)
    folder = os.open(os.path.dirname(path), os.O_RDONLY); os.fsync(folder); os.close(folder)

def run(*argv, data=None):
    subprocess.run(argv, input=data, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

def api(method, path, body):
    request = urllib.request.Request("http://127.0.0.1:8081/api/v1/servers/localhost" + path, json.dumps(body).encode(),
        {"X-API-Key": key, "Content-Type": "application/json"}, method=method)
    urllib.request.urlopen(request).read()

def served():
    connection = http.client.HTTPConnection(address, 80, timeout=5)
    try:
        connection.request("GET", "/", headers={"Host": domain}); return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False

os.makedirs("/etc/nginx/npanel/sites", exist_ok=True)
began = time.perf_counter()
run("useradd", "--no-create-home", "--shell", "/usr/sbin/nologin", user)
root = "/home/%s/sites/%s/public" % (user, domain)
os.makedirs(root); write(root + "/index.html", "floor")
write("/etc/php/8.2/fpm/pool.d/%s.conf" % user, "[%s]\nuser=%s\ngroup=%s\nlisten=/run/npanel/php/%s.sock\npm=ondemand\npm.max_children=5\n" % ((user,) * 4))
write("/etc/nginx/npanel/sites/%s.%s.conf" % (user, domain), "server { listen 80; server_name %s; root %s; }\n" % (domain, root))
sql = "CREATE DATABASE %s_m; CREATE USER %s_m@localhost IDENTIFIED BY 'x'; GRANT ALL ON %s_m.* TO %s_m@localhost;" % ((user,) * 4)
run("mariadb", data=sql.encode())
records = [{"name": domain + ".", "type": "A", "ttl": 3600, "changetype": "REPLACE", "records": [{"content": address, "disabled": False}]}]
api("POST", "/zones", {"name": domain + ".", "kind": "Native", "nameservers": ["ns1.bench.test."], "rrsets": records})
run("php-fpm8.2", "-t"); run("systemctl", "reload", "php8.2-fpm")
run("nginx", "-t"); run("systemctl", "reload", "nginx")
while not served():
    time.sleep(0.005)
print(json.dumps(time.perf_counter() - began))
"""


_CLEAN = r"""
import glob, os, shutil, subprocess, urllib.request
key = open("/etc/powerdns/npanel/api.key").read().strip()
for path in glob.glob("/etc/nginx/npanel/sites/f*.floor*.conf") + glob.glob("/etc/php/8.2/fpm/pool.d/f[0-9]*.conf"):
    os.remove(path)
for number in range(100):
    user = "f%d" % number
    if not os.path.isdir("/home/" + user):
        break
    subprocess.run(["userdel", user]); shutil.rmtree("/home/" + user)
    subprocess.run(["mariadb"], input=("DROP DATABASE %s_m; DROP USER %s_m@localhost;" % (user, user)).encode())
    urllib.request.urlopen(urllib.request.Request("http://127.0.0.1:8081/api/v1/servers/localhost/zones/floor%d.test." % number,
        headers={"X-API-Key": key}, method="DELETE"))
subprocess.run(["systemctl", "reload", "php8.2-fpm", "nginx"])
"""


def measure(node: Node, rounds: int = 7) -> float:
    """Median wall seconds of the bare script."""
    seconds = []
    for number in range(rounds):
        done = node.exec(["python3", "-c", _SCRIPT, str(number), node.address], check=True)
        seconds.append(float(json.loads(done.stdout)))
    node.exec(["python3", "-c", _CLEAN], check=True)
    return statistics.median(seconds)
