#!/usr/bin/env python3
"""One or more real Envoys, started as sidecars are, beside `meshop local`.

    sudo -E unshare --net tests/MeshOperator.Benchmarks/sidecar.py memory      # RSS by services, and with half-said requests
    sudo -E unshare --net tests/MeshOperator.Benchmarks/sidecar.py reconnect   # how soon 12 are back after an outage of 2, 15 and 60 s
    sudo -E unshare --net tests/MeshOperator.Benchmarks/sidecar.py restart     # the same with `meshop run` killed and started again
    sudo -E unshare --net tests/MeshOperator.Benchmarks/sidecar.py start       # how soon one is ready, also where names are not answered

Needs the built `meshop`, kubectl, nft, and Envoy: named by ENVOY, or on PATH. Everything runs in the network namespace of its own that `unshare`
makes. An outage is one of the way to the operator: connections to it are cut and refused.
"""
import json, re, resource, socket, struct, subprocess, sys, threading, time, urllib.request

from envoys import DATA, ENVOY, NAMESPACE, OPERATOR, Mesh, Replica, Way, eventually, processes, proxy_arguments, read, run, with_processes, write


class Sidecar:
    def __init__(self, index, way, in_hosts=True):
        self.name, self.address = f"p{index}", f"127.0.2.{index + 1}"
        if subprocess.run(["kubectl", "get", "pod", self.name, "-n", NAMESPACE], capture_output=True).returncode != 0:
            run("kubectl", "run", self.name, "-n", NAMESPACE, "--image=registry.example.com/web:1", "--port=8080", "--labels=app=set")
        pod = json.loads(run("kubectl", "get", "pod", self.name, "-n", NAMESPACE, "-o", "json"))
        arguments = proxy_arguments(pod, way, self.address)
        at = arguments.index("--config-yaml")
        # There is one loopback for all of them.
        arguments[at + 1] = arguments[at + 1].replace('"port_value":15000', f'"port_value":{16000 + index}')
        write(f"{DATA}/{self.name}.hosts", "127.0.0.1 localhost\n" + (f"127.0.0.1 {OPERATOR}\n" if in_hosts else ""))
        write(f"{DATA}/{self.name}.resolv",
              f"nameserver 127.0.0.53\nsearch {NAMESPACE}.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n")
        script = f"mount --bind {DATA}/{self.name}.hosts /etc/hosts && mount --bind {DATA}/{self.name}.resolv /etc/resolv.conf && exec \"$@\""
        self.process = subprocess.Popen(["unshare", "--mount", "sh", "-c", script, "sh", ENVOY, *arguments],
                                        stdout=open(f"{DATA}/{self.name}.log", "w"), stderr=subprocess.STDOUT)
        processes.append(self.process)

    def is_ready(self):
        try:
            return urllib.request.urlopen(f"http://{self.address}:15021/healthz/ready", timeout=1).status == 200
        except OSError:
            return False

    def rss(self):
        return int(re.search(r"^Rss:\s+(\d+)", read(f"/proc/{self.process.pid}/smaps_rollup"), re.M)[1]) / 1024

    def statistics(self):
        return urllib.request.urlopen(f"http://{self.address}:15090/stats/prometheus", timeout=30).read().decode()

    def stop(self):
        self.process.kill()
        self.process.wait()


def settled(sidecar):
    """The RSS once it has not grown for 10 s."""
    best, since = sidecar.rss(), time.time()
    while time.time() - since < 10:
        time.sleep(0.5)
        if sidecar.rss() > best + 0.3:
            best, since = sidecar.rss(), time.time()
    return sidecar.rss()


def services(kind, port, name):
    return "---\n".join(
        f"apiVersion: v1\nkind: Service\nmetadata: {{name: {kind}-{i}, namespace: {NAMESPACE}}}\n"
        f"spec:\n  selector: {{app: set}}\n  ports: [{{name: {name}, port: {port}, targetPort: 8080}}]\n" for i in range(500))


class Bare(Sidecar):
    """An Envoy of which nothing is asked but one listener that understands HTTP."""

    PORT = 18080

    def __init__(self):
        def typed(name, **fields):
            return {"name": name, "typed_config": {"@type": f"type.googleapis.com/envoy.extensions.filters.{name}", **fields}}

        manager = typed("network.http_connection_manager.v3.HttpConnectionManager", stat_prefix="bare", route_config={},
                        http_filters=[typed("http.router.v3.Router")])
        address = {"socket_address": {"address": "127.0.0.1", "port_value": self.PORT}}
        bootstrap = {"static_resources": {"listeners": [{"address": address, "filter_chains": [{"filters": [manager]}]}]}}
        arguments = ["--use-dynamic-base-id", "--concurrency", "1", "--log-level", "error", "--config-yaml", json.dumps(bootstrap)]
        self.process = subprocess.Popen([ENVOY, *arguments])
        processes.append(self.process)

    def is_ready(self):
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", self.PORT)) == 0


def half_said(name, proxy, address, count=5000):
    """What the proxy needs for requests of which half of the head was sent."""
    eventually("the proxy is not ready", proxy.is_ready)
    before, requests = settled(proxy), []
    for _ in range(count):
        requests.append(socket.create_connection(address))
        requests[-1].sendall(b"GET / HTTP/1.1\r\nHost: few-0\r\nX-Half: ")
    time.sleep(3)
    after = proxy.rss()
    print(f"{name}: {before:.1f} MiB; with {count} half-said requests {after:.1f} MiB, {(after - before) * 1024 / count:.1f} KiB each; "
          f"ready: {proxy.is_ready()}", flush=True)
    for one in requests:
        one.close()
    proxy.stop()


def memory():
    # A connection is a file, of which a shell gives fewer.
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    run("nft", "-f", "-", input="table ip sidecar { chain output { type nat hook output priority -100; tcp dport 8080 redirect to :15006; }; }")
    mesh = Mesh()
    run("kubectl", "apply", "-f", "-", input=services("few", 80, "http").split("---\n")[0])
    sidecar = Sidecar(0, Way(mesh.port))
    half_said("a sidecar with few services", sidecar, (sidecar.address, 8080))
    half_said("the smallest configuration", Bare(), ("127.0.0.1", Bare.PORT))
    run("kubectl", "apply", "-f", "-", input=services("http", 80, "http"))
    for kinds in ("500 services of one HTTP port", "and 500 of one TCP port"):
        if kinds.startswith("and"):
            run("kubectl", "apply", "-f", "-", input=services("tcp", 9000, "tcp"))
        sidecar = Sidecar(0, Way(mesh.port))
        eventually("the proxy is not ready", sidecar.is_ready)
        print(f"{kinds}: {settled(sidecar):.1f} MiB", flush=True)
        print(f"    statistics shown: {sum(not line.startswith('#') for line in sidecar.statistics().splitlines())}; then {sidecar.rss():.1f} MiB", flush=True)
        sidecar.stop()


def reconnect():
    """The way to the operator is cut."""
    mesh = Mesh()
    way = Way(mesh.port)

    def outage(seconds):
        way.close()
        time.sleep(seconds)
        way.open()
        return time.time()

    come_back(way, mesh.connects, outage)


def restart():
    """`meshop run` is killed and started again. Counted from when it takes connections."""
    Mesh()
    replica = Replica()

    def outage(seconds):
        replica.kill()
        time.sleep(seconds)
        began = time.time()
        replica.start()
        print(f"it takes connections {time.time() - began:.1f} s after its start", flush=True)
        return time.time()

    come_back(replica, replica.connects, outage)


def come_back(operator, connects, outage, count=12):
    sidecars = [Sidecar(i, operator) for i in range(count)]
    eventually("not all proxies are connected", lambda: len(connects()) == count)
    eventually("not all proxies are ready", lambda: all(s.is_ready() for s in sidecars))
    for seconds in (2, 15, 60):
        time.sleep(3)
        before = connects()
        opened, back = outage(seconds), {}
        while len(back) < count and time.time() - opened < 60:
            back.update({name: time.time() - opened for name, n in connects().items() if n > before[name] and name not in back})
            time.sleep(0.05)
        times = sorted(back.values())
        print(f"outage of {seconds} s: {len(times)} of {count} are back; median {times[len(times) // 2]:.2f} s, the last after {times[-1]:.2f} s", flush=True)


class NameServer:
    """Knows the operator's address in IPv4. Drops what it is asked to."""

    def __init__(self):
        self.drops, self.socket = "nothing", socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.53", 53))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            query, client = self.socket.recvfrom(4096)
            labels, at = [], 12
            while query[at]:
                labels.append(query[at + 1:at + 1 + query[at]].decode().lower())
                at += query[at] + 1
            kind, known = struct.unpack(">H", query[at + 1:at + 3])[0], ".".join(labels) == f"{OPERATOR}.cluster.local"
            if self.drops == "all" or (self.drops == "all but A" and kind != 1):
                continue
            answer = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 30, 4) + socket.inet_aton("127.0.0.1") if known and kind == 1 else b""
            header = query[:2] + struct.pack(">HHHHH", 0x8180 if known else 0x8183, 1, 1 if answer else 0, 0, 0)
            self.socket.sendto(header + query[12:at + 5] + answer, client)


def start():
    mesh, names = Mesh(), NameServer()
    way = Way(mesh.port)
    for drops, in_hosts in (("nothing", False), ("all but A", False), ("all", True)):
        names.drops = drops
        began = time.time()
        sidecar = Sidecar(0, way, in_hosts)
        began = time.time()
        eventually("the proxy is not ready", sidecar.is_ready, every=0.02)
        print(f"the name server drops {drops}{', the address is in /etc/hosts' if in_hosts else ''}: ready after {time.time() - began:.2f} s", flush=True)
        sidecar.stop()
    names.drops = "nothing"
    for seconds in (1, 5):
        way.close()
        sidecar = Sidecar(0, way, True)
        time.sleep(seconds)
        way.open()
        opened = time.time()
        eventually("the proxy is not ready", sidecar.is_ready, every=0.02)
        print(f"the operator was out of reach for {seconds} s at the start: ready {time.time() - opened:.2f} s after it was back", flush=True)
        sidecar.stop()


if __name__ == "__main__":
    modes = {"memory": memory, "reconnect": reconnect, "restart": restart, "start": start}
    if len(sys.argv) != 2 or sys.argv[1] not in modes:
        sys.exit(__doc__)
    with_processes(modes[sys.argv[1]])
