#!/usr/bin/env python3
"""What a request costs through two sidecars, beside the same Envoy with the smallest hand-written configuration that does the same.

    sudo -E unshare --net tests/MeshOperator.Benchmarks/datapath.py compare [ROUNDS [SECONDS]]    # mesh beside hand-written
    sudo -E unshare --net tests/MeshOperator.Benchmarks/datapath.py policies [ROUNDS [SECONDS]]   # what a rule, a split and a limit add
    sudo -E unshare --net tests/MeshOperator.Benchmarks/datapath.py parts [ROUNDS [SECONDS]]      # the mesh's configuration, one part left out

Needs the built `meshop`, kubectl, nft, nginx, wrk, openssl, and Envoy: named by ENVOY, or on PATH. Each pair is two network namespaces at one bridge,
client and server, with the redirection of operator/init/capture.sh, an Envoy of one worker in each, and nginx with 1 KiB. All pairs run all of the
time and differ in nothing but Envoy's configuration; wrk asks one after the other, round by round. CPU is that of both Envoys.
"""
import copy, glob, json, re, statistics, subprocess, sys

from envoys import DATA, ENVOY, NAMESPACE, OPERATOR, ROOT, Mesh, Way, eventually, processes, proxy_arguments, read, run, with_processes, write

GATEWAY, PORT, USER = "10.9.0.1", 8080, "1337"
CONNECTIONS = (1, 32)


class Pod:
    """A network namespace with an address, and an Envoy to which its connections are redirected."""

    proxy = None

    def __init__(self, name, address):
        self.name, self.address = name, address
        self.holder = self.start("unshare", "--net", "sleep", "infinity")
        eventually("no network namespace", lambda: self.namespace() != run("readlink", "/proc/self/ns/net"))
        interface = "v" + address.replace(".", "")
        run("ip", "link", "add", interface, "type", "veth", "peer", "name", "eth0", "netns", str(self.holder.pid))
        run("ip", "link", "set", interface, "master", "pods", "up")
        for command in ("ip link set lo up", f"ip addr add {address}/16 dev eth0", "ip link set eth0 up", f"ip route add default via {GATEWAY}",
                        f"{ROOT}/operator/init/capture.sh set"):
            run(*self.inside(*command.split()))

    def namespace(self):
        return run("readlink", f"/proc/{self.holder.pid}/ns/net")

    def inside(self, *command):
        return ["nsenter", f"--net=/proc/{self.holder.pid}/ns/net", *command]

    def start(self, *command):
        process = subprocess.Popen(command, stdout=open(f"{DATA}/{self.name}.{len(processes)}.log", "w"), stderr=subprocess.STDOUT)
        processes.append(process)
        return process

    def envoy(self, arguments):
        write(f"{DATA}/hosts", f"127.0.0.1 localhost\n{GATEWAY} {OPERATOR}\n")
        script = f"mount --bind {DATA}/hosts /etc/hosts && exec setpriv --regid {USER} --clear-groups \"$@\""
        self.proxy = self.start(*self.inside("unshare", "--mount", "sh", "-c", script, "sh", ENVOY, *arguments))

    def log(self):
        return "".join(read(path) for path in sorted(glob.glob(f"{DATA}/{self.name}.*.log")))

    def cpu(self):
        """Of the Envoy, in seconds; 0 without one."""
        if self.proxy is None:
            return 0
        fields = read(f"/proc/{self.proxy.pid}/stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100

    def get(self, url):
        return subprocess.run(self.inside("curl", "-s", "-m", "5", url), capture_output=True, text=True).stdout


class Pair:
    """Client and server."""

    def __init__(self, name, index, url=None):
        self.client, self.server = (Pod(f"{name}-{end}", f"10.9.{index}.{number}") for end, number in (("client", 2), ("server", 3)))
        self.url = url or f"http://{self.server.address}:{PORT}/1k"
        self.headers = ()
        write(f"{DATA}/nginx.conf", f"daemon off; worker_processes 1; pid {DATA}/nginx.pid; error_log {DATA}/nginx.log;\nevents {{}}\nhttp {{ access_log off; "
              f"keepalive_requests 1000000000; server {{ listen {PORT}; root {DATA}/www; }} }}\n")
        self.server.start(*self.server.inside("nginx", "-c", f"{DATA}/nginx.conf"))

    def answers(self):
        try:
            eventually(f"{self.url} does not answer", lambda: self.client.get(self.url) == read(f"{DATA}/www/1k"), seconds=60, every=0.5)
        except SystemExit:
            for pod in (self.client, self.server):
                print(pod.name, pod.proxy.poll(), pod.log()[-2000:])
            raise

    def round(self, connections, seconds):
        before = self.client.cpu() + self.server.cpu()
        headers = [part for header in self.headers for part in ("-H", header)]
        report = run(*self.client.inside("wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds}s", "--latency", *headers, self.url))
        spent = self.client.cpu() + self.server.cpu() - before
        if "Non-2xx" in report:
            sys.exit(report)
        requests = int(re.search(r"(\d+) requests in", report)[1])
        return {"cpu": 1e6 * spent / requests, "p50": latency(report, 50), "p99": latency(report, 99), "rps": requests / seconds}


def latency(report, percent):
    """In microseconds."""
    number, unit = re.search(rf"^\s+{percent}%\s+([\d.]+)(us|ms|s)$", report, re.M).groups()
    return float(number) * {"us": 1, "ms": 1e3, "s": 1e6}[unit]


def network():
    for command in ("ip link add pods type bridge", f"ip addr add {GATEWAY}/16 dev pods", "ip link set pods up"):
        run(*command.split())
    run("mkdir", "-p", f"{DATA}/www")
    run("chmod", "-R", "go+rX", DATA)
    write(f"{DATA}/www/1k", "0123456789abcdef" * 64)


def measure(pairs, rounds, seconds):
    """Medians of interleaved rounds, and of the quotients of each round to the last pair."""
    for pair in pairs.values():
        pair.answers()
        pair.round(32, 2)
    print(f"{rounds} rounds of {seconds} s; in brackets the median of each round's quotient to {list(pairs)[-1]}")
    print("| connections | | CPU a request | p50 | p99 | requests/s |\n|---|---|---|---|---|---|")
    for connections in CONNECTIONS:
        found = {name: [] for name in pairs}
        for _ in range(rounds):
            for name, pair in pairs.items():
                found[name].append(pair.round(connections, seconds))
        base = found[list(pairs)[-1]]
        for name, results in found.items():
            cells = []
            for key in ("cpu", "p50", "p99", "rps"):
                middle = statistics.median(r[key] for r in results)
                quotient = statistics.median(r[key] / b[key] for r, b in zip(results, base))
                least = f"least {min(r['cpu'] for r in results):,.0f}, median " if key == "cpu" else ""
                cells.append(f"{least}{middle:,.0f}{'' if key == 'rps' else ' us'}" + (f" ({quotient:.3f})" if results is not base else ""))
            print(f"| {connections} | {name} | {' | '.join(cells)} |", flush=True)


# The mesh.

def apply(*objects):
    run("kubectl", "apply", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)}))


def of(kind, name, spec, group="v1", **metadata):
    return {"apiVersion": group, "kind": kind, "metadata": {"name": name, "namespace": NAMESPACE, **metadata}, "spec": spec}


def policy(kind, spec):
    return of(kind, "bench", spec, "meshoperator.io/v1alpha1")


def service(name, app):
    return of("Service", name, {"selector": {"app": app}, "ports": [{"name": "http", "port": 80, "targetPort": PORT}]})


def mesh_pod(pod, way, app):
    # Another node's: nobody else says how it is.
    apply(of("Pod", pod.name, {"nodeName": "bench", "containers": [{"name": "app", "image": "registry.example.com/web:1", "ports": [{"containerPort": PORT}]}]},
             labels={"app": app}))
    status = {"phase": "Running", "podIP": pod.address, "podIPs": [{"ip": pod.address}],
              "conditions": [{"type": kind, "status": "True"} for kind in ("Initialized", "ContainersReady", "PodScheduled", "Ready")]}
    run("kubectl", "patch", "pod", pod.name, "-n", NAMESPACE, "--subresource=status", "--type=merge", "-p", json.dumps({"status": status}))
    pod.envoy(proxy_arguments(json.loads(run("kubectl", "get", "pod", pod.name, "-n", NAMESPACE, "-o", "json")), way, pod.address))


def mesh_pair(way, index, app):
    """Two injected pods, and a service of the second."""
    apply(service(app, app))
    address = json.loads(run("kubectl", "get", "service", app, "-n", NAMESPACE, "-o", "json"))["spec"]["clusterIP"]
    pair = Pair(app, index, f"http://{address}/1k")
    mesh_pod(pair.client, way, f"{app}-client")
    mesh_pod(pair.server, way, app)
    return pair


# The hand-written configuration.

def certificates():
    """Of one authority, for all pairs that are not of the mesh."""
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"]
    run("openssl", "req", "-x509", *key, "-subj", "/CN=bench", "-keyout", f"{DATA}/ca.key", "-out", f"{DATA}/ca.pem")
    for end in ("client", "server"):
        run("openssl", "req", *key, "-subj", f"/CN={end}", "-keyout", f"{DATA}/{end}.key", "-out", f"{DATA}/{end}.csr")
        write(f"{DATA}/{end}.ext", "subjectAltName=URI:spiffe://cluster.local/ns/bench/sa/default\n")
        run("openssl", "x509", "-req", "-in", f"{DATA}/{end}.csr", "-CA", f"{DATA}/ca.pem", "-CAkey", f"{DATA}/ca.key", "-CAcreateserial", "-days", "30",
            "-extfile", f"{DATA}/{end}.ext", "-out", f"{DATA}/{end}.pem")


def typed(kind, **fields):
    return {"@type": f"type.googleapis.com/envoy.{kind}", **fields}


def address_of(host, port):
    return {"socket_address": {"address": host, "port_value": port}}


def identity(end):
    return {"certificate_chain": {"filename": f"{DATA}/{end}.pem"}, "private_key": {"filename": f"{DATA}/{end}.key"}}


def tls(kind, end, **fields):
    common = {"tls_certificates": [identity(end)], "validation_context": {"trusted_ca": {"filename": f"{DATA}/ca.pem"}}}
    return {"name": "envoy.transport_sockets.tls", "typed_config": typed(f"extensions.transport_sockets.tls.v3.{kind}", common_tls_context=common, **fields)}


def hand_written(port, to, downstream=None, upstream=None):
    manager = typed("extensions.filters.network.http_connection_manager.v3.HttpConnectionManager", stat_prefix="http", route_config={
        "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "to"}}]}]},
        http_filters=[{"name": "envoy.filters.http.router", "typed_config": typed("extensions.filters.http.router.v3.Router")}])
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    cluster = {"name": "to", "load_assignment": {"cluster_name": "to", "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address_of(*to)}}]}]}}
    if downstream:
        chain["transport_socket"] = downstream
    if upstream:
        cluster["transport_socket"] = upstream
    return {"static_resources": {"listeners": [{"name": "in", "address": address_of("0.0.0.0", port), "filter_chains": [chain]}], "clusters": [cluster]}}


def start_with(pair, client, server):
    for pod, configuration in ((pair.client, client), (pair.server, server)):
        write(f"{DATA}/{pod.name}.json", json.dumps(configuration))
        pod.envoy(["-c", f"{DATA}/{pod.name}.json", "--concurrency", "1", "--disable-hot-restart", "-l", "warning"])


def hand_pair(index):
    pair = Pair("hand", index)
    start_with(pair, hand_written(15001, (pair.server.address, PORT), upstream=tls("UpstreamTlsContext", "client")),
               hand_written(15006, ("127.0.0.1", PORT), downstream=tls("DownstreamTlsContext", "server", require_client_certificate=True)))
    return pair


def begin():
    network()
    certificates()
    mesh = Mesh()
    return Way(mesh.port, GATEWAY)


def compare(rounds, seconds):
    way = begin()
    measure({"mesh": mesh_pair(way, 1, "mesh"), "hand-written": hand_pair(2)}, rounds, seconds)


def policies(rounds, seconds):
    way = begin()
    pairs = {"one allow rule": "ruled", "a split of ten": "split", "one rate limit": "limited", "none of them": "plain"}
    pairs = {name: mesh_pair(way, 1 + index, app) for index, (name, app) in enumerate(pairs.items())}
    for i in range(10):
        apply(service(f"split-{i}", "split"))
    apply(policy("TrafficSplit", {"service": "split", "backends": [{"service": f"split-{i}", "weight": 10} for i in range(10)]}),
          policy("RateLimit", {"targetRefs": [{"kind": "Service", "name": "limited"}], "limits": [{"requests": 1_000_000, "unit": "Second", "burst": 1_000_000}]}),
          policy("MtlsPolicy", {"selector": {"matchLabels": {"app": "ruled"}}, "mode": "Strict",
                                "allow": [{"identities": [f"spiffe://cluster.local/ns/{NAMESPACE}/sa/default"]}]}))
    for name, pair in pairs.items():
        pair.answers()
    measure(pairs, rounds, seconds)


# The mesh's configuration without its operator, of which parts can be left out.

def standing(pod):
    """The configuration of a pod's Envoy as one file: what was discovered is written where it is used, with our own certificates."""
    bootstrap = json.loads(pod.proxy.args[pod.proxy.args.index("--config-yaml") + 1])
    end = "client" if pod.name.endswith("client") else "server"
    dump = json.loads(run(*pod.inside("curl", "-s", "http://127.0.0.1:15000/config_dump?include_eds")))["configs"]

    def section(name, key):
        return [entry for part in dump if part["@type"].endswith(f".{name}") for entry in part.get(key, [])]

    def bare(message):
        return {key: value for key, value in message.items() if key != "@type"}

    routes = {r["route_config"]["name"]: bare(r["route_config"]) for r in section("RoutesConfigDump", "dynamic_route_configs")}
    filters = {f["ecds_filter"]["name"]: f["ecds_filter"]["typed_config"] for f in section("EcdsConfigDump", "ecds_filters")}
    endpoints = {e["endpoint_config"]["cluster_name"]: bare(e["endpoint_config"]) for e in section("EndpointsConfigDump", "dynamic_endpoint_configs")}

    def settle(node):
        if isinstance(node, list):
            for entry in node:
                settle(entry)
        if not isinstance(node, dict):
            return
        if "rds" in node:
            node["route_config"] = copy.deepcopy(routes[node.pop("rds")["route_config_name"]])
        if "config_discovery" in node:
            del node["config_discovery"]
            node["typed_config"] = copy.deepcopy(filters[node["name"]])
        if node.get("type") == "EDS":
            node["type"], node["load_assignment"] = "STATIC", endpoints[node["name"]]
            del node["eds_cluster_config"]
        if node.pop("tls_certificate_sds_secret_configs", None):
            node["tls_certificates"] = [identity(end)]
        if combined := node.pop("combined_validation_context", None):
            node["validation_context"] = combined["default_validation_context"]
            node["validation_context"]["trusted_ca"] = {"filename": f"{DATA}/ca.pem"}
        if node.pop("validation_context_sds_secret_config", None):
            node["validation_context"] = {"trusted_ca": {"filename": f"{DATA}/ca.pem"}}
        for entry in node.values():
            settle(entry)

    resources = {"listeners": [bare(entry["active_state"]["listener"]) for entry in section("ListenersConfigDump", "dynamic_listeners")],
                 "clusters": [bare(entry["cluster"]) for entry in section("ClustersConfigDump", "dynamic_active_clusters")]}
    settle(resources)
    del bootstrap["dynamic_resources"]
    # Who shares limits is discovered too, and here nobody does.
    shared = bootstrap["cluster_manager"].pop("local_cluster_name")
    clusters = bootstrap["static_resources"]["clusters"]
    clusters.remove(next(cluster for cluster in clusters if cluster["name"] == shared))
    bootstrap["layered_runtime"]["layers"] = [layer for layer in bootstrap["layered_runtime"]["layers"] if "rtds_layer" not in layer]
    for kind, entries in resources.items():
        bootstrap["static_resources"][kind] += entries
    return bootstrap


def each(node, key):
    """All objects that have a key."""
    if isinstance(node, dict) and key in node:
        yield node
    for entry in node if isinstance(node, list) else node.values() if isinstance(node, dict) else []:
        yield from each(entry, key)


def leave_out(*keys):
    def change(configuration):
        for key in keys:
            for node in list(each(configuration, key)):
                del node[key]
    return change


def leave_out_filters(name):
    def change(configuration):
        for node in each(configuration, "http_filters"):
            node["http_filters"] = [f for f in node["http_filters"] if name not in json.dumps(f.get("typed_config", {}))]
    return change


def fixed_inbound(configuration):
    for cluster in configuration["static_resources"]["clusters"]:
        if cluster["name"].startswith("inbound/"):
            cluster.update(type="STATIC", lb_policy="ROUND_ROBIN", load_assignment={"cluster_name": cluster["name"], "endpoints": [
                {"lb_endpoints": [{"endpoint": {"address": address_of("127.0.0.1", PORT)}}]}]})
            cluster.pop("upstream_bind_config", None)


def all_of(*changes):
    def change(configuration):
        for one in changes:
            one(configuration)
    return change


PARTS = {
    "x-envoy-* taken out": leave_out("early_header_mutation_extensions"),
    "slots of rate limits": leave_out_filters("LocalRateLimit"),
    "access filters": leave_out_filters("rbac.v3"),
    "fault filter": leave_out_filters("HTTPFault"),
    "access logs": leave_out("access_log"),
    "statistics' tags and selection": leave_out("stats_config", "deferred_stat_options"),
    "overload manager": leave_out("overload_manager"),
    "x-forwarded-client-cert": leave_out("forward_client_cert_details", "set_current_client_cert_details"),
    "answers of its own": leave_out("local_reply_config", "response_headers_to_remove"),
    "retries": leave_out("retry_policy"),
    "outlier detection, bounds": leave_out("outlier_detection", "circuit_breakers"),
    "protocol as spoken": leave_out("typed_extension_protocol_options"),
    "original destination": fixed_inbound,
    "trailers, upgrades, HTTP/1.0, 100": leave_out("http_protocol_options", "upgrade_configs", "proxy_100_continue"),
}


def parts(rounds, seconds):
    way = begin()
    whole = mesh_pair(way, 1, "mesh")
    whole.answers()
    files = [standing(pod) for pod in (whole.client, whole.server)]
    pairs = {}

    def add(name, change):
        index = 3 + len(pairs)
        pair = pairs[name] = Pair(f"part{index}", index, whole.url)
        moved = [json.loads(json.dumps(file).replace("10.9.1.", f"10.9.{index}.")) for file in files]
        for configuration in moved:
            change(configuration)
        start_with(pair, *moved)

    add("nothing left out, one file", lambda _: None)
    for name, change in PARTS.items():
        add(f"without {name}", change)
    add("without all of these", all_of(*PARTS.values()))
    pairs["hand-written"] = hand_pair(2)
    measure({"mesh": whole, **pairs}, rounds, seconds)


if __name__ == "__main__":
    modes = {"compare": compare, "policies": policies, "parts": parts}
    if len(sys.argv) not in (2, 3, 4) or sys.argv[1] not in modes:
        sys.exit(__doc__)
    with_processes(lambda: modes[sys.argv[1]](*(int(text) for text in (sys.argv[2:] + ["5", "5"][len(sys.argv) - 2:]))))
