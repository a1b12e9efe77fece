#!/usr/bin/env python3
"""What a listener for each service costs in a real Envoy, beside two other shapes that choose the service by the destination address.

    tests/MeshOperator.Benchmarks/shapes.py [SERVICES]      # each with two ports; 1,000 by default

listeners  one listener for each service port, as the operator makes them
chains     one listener for each port number, with a filter chain for each service
scopes     one listener for each port number, which writes the destination address into a header and chooses scoped routes by it

Needs Envoy: named by ENVOY, or on PATH. Nothing is redirected: each connection says its destination with the PROXY protocol. Routes answer
by themselves, so that only what chooses the service is measured. One worker.
"""
import json, os, re, socket, subprocess, sys, tempfile, time

ENVOY = os.environ.get("ENVOY", "envoy")
PORTS = (80, 81)
ENTRY, ADMIN = 19001, 19002
REQUESTS, CONNECTIONS, ROUNDS = 20_000, 2_000, 9
TYPES = "type.googleapis.com/envoy."


def typed(name, kind, **fields):
    return {"name": name, "typed_config": {"@type": TYPES + kind, **fields}}


def at(address, port):
    return {"socket_address": {"address": address, "port_value": port}}


def address_of(service):
    return f"10.96.{service // 250}.{1 + service % 250}"


def name_of(service, port):
    return f"outbound/{port}/svc-{service}.shop"


def answer(service, port):
    return f"svc-{service}:{port}"


def routes(service, port):
    route = {"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": answer(service, port)}}}
    return {"name": name_of(service, port), "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]}


def connection_manager(name, **fields):
    router = typed("envoy.filters.http.router", "extensions.filters.http.router.v3.Router")
    return typed("envoy.filters.network.http_connection_manager",
                 "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                 stat_prefix=name, http_filters=[router], upgrade_configs=[{"upgrade_type": "websocket"}], **fields)


def listener(name, address, port, chains):
    return {"name": name, "address": at(address, port), "bind_to_port": False, "filter_chains": chains}


def listeners(services):
    return [listener(name_of(i, port), address_of(i), port,
                     [{"filters": [connection_manager(name_of(i, port), route_config=routes(i, port))]}])
            for i in range(services) for port in PORTS]


def chains(services):
    return [listener(f"outbound/{port}", "0.0.0.0", port,
                     [{"name": name_of(i, port),
                       "filter_chain_match": {"prefix_ranges": [{"address_prefix": address_of(i), "prefix_len": 32}]},
                       "filters": [connection_manager(name_of(i, port), route_config=routes(i, port))]} for i in range(services)])
            for port in PORTS]


def scopes(services):
    destination = {"append": {"header": {"key": "x-destination", "value": "%DOWNSTREAM_LOCAL_ADDRESS%"},
                              "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}}
    early = typed("envoy.http.early_header_mutation.header_mutation",
                  "extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation", mutations=[destination])
    key = {"fragments": [{"header_value_extractor": {"name": "x-destination", "element_separator": ",", "index": 0}}]}

    def scope(i, port):
        return {"name": name_of(i, port), "route_configuration": routes(i, port),
                "key": {"fragments": [{"string_key": f"{address_of(i)}:{port}"}]}}

    def scoped(port):
        return {"name": "all", "scope_key_builder": key, "rds_config_source": {"ads": {}},
                "scoped_route_configurations_list": {"scoped_route_configurations": [scope(i, port) for i in range(services)]}}

    return [listener(f"outbound/{port}", "0.0.0.0", port,
                     [{"filters": [connection_manager(f"outbound/{port}", scoped_routes=scoped(port),
                                                      early_header_mutation_extensions=[early])]}])
            for port in PORTS]


def bootstrap(shape):
    nowhere = typed("envoy.filters.network.tcp_proxy", "extensions.filters.network.tcp_proxy.v3.TcpProxy",
                    stat_prefix="nowhere", cluster="nowhere")
    entry = {"name": "entry", "address": at("127.0.0.1", ENTRY), "use_original_dst": True, "filter_chains": [{"filters": [nowhere]}],
             "listener_filters": [typed("envoy.filters.listener.proxy_protocol",
                                        "extensions.filters.listener.proxy_protocol.v3.ProxyProtocol")]}
    return {"node": {"id": "shapes", "cluster": "shapes"}, "admin": {"address": at("127.0.0.1", ADMIN)},
            "stats_config": {"stats_matcher": {"reject_all": True}},
            "static_resources": {"listeners": [entry, *shape], "clusters": [{"name": "nowhere", "type": "STATIC",
                                                                             "load_assignment": {"cluster_name": "nowhere"}}]}}


def ask(service, port, count=1):
    """Sends requests to a service, with the name of another, over one connection."""
    expected = answer(service, port).encode()
    with socket.create_connection(("127.0.0.1", ENTRY), timeout=10) as connection:
        connection.sendall(f"PROXY TCP4 127.0.0.1 {address_of(service)} 40000 {port}\r\n".encode())
        for _ in range(count):
            connection.sendall(b"GET / HTTP/1.1\r\nhost: other.example\r\n\r\n")
            response = b""
            while not response.endswith(b"\r\n\r\n" + expected):
                received = connection.recv(65536)
                if not received or len(response) > 4096:
                    raise ConnectionError(f"{expected.decode()} answered {response!r}")
                response += received


def cpu(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss(pid):
    return int(re.search(r"^Rss:\s+(\d+)", open(f"/proc/{pid}/smaps_rollup").read(), re.M)[1]) / 1024


def microseconds(pid, count, work):
    before = cpu(pid)
    work()
    return (cpu(pid) - before) / count * 1e6


def is_up(process):
    if process.poll() is not None:
        raise SystemExit(f"Envoy ended with status {process.returncode}")
    try:
        ask(0, PORTS[0])
        return True
    except OSError:
        return False


def measure(make, services):
    shape = make(services)
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(bootstrap(shape), file)
        file.flush()
        process = subprocess.Popen([ENVOY, "-c", file.name, "--concurrency", "1", "-l", "error", "--disable-hot-restart"])
        try:
            while not is_up(process):
                time.sleep(0.1)
            begin = cpu(process.pid)
            for service in {0, services // 2, services - 1}:
                for port in PORTS:
                    ask(service, port)
            memory = rss(process.pid)
            rounds = sorted(microseconds(process.pid, REQUESTS, lambda: ask(services // 2, PORTS[1], REQUESTS)) for _ in range(ROUNDS))
            connections = microseconds(process.pid, CONNECTIONS, lambda: [ask(i % services, PORTS[0]) for i in range(CONNECTIONS)])
        finally:
            process.kill()
            process.wait()
    print(f"{make.__name__:9} {len(json.dumps(shape)) / 1e3:7.0f} kB as JSON, start {begin:.2f} s of CPU, {memory:.0f} MiB, "
          f"{rounds[0]:.1f} us of CPU a request (median {rounds[ROUNDS // 2]:.1f}), {connections:.0f} us a connection with one", flush=True)


if __name__ == "__main__":
    for make in (listeners, chains, scopes, listeners):
        measure(make, int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
