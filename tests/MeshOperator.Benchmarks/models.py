#!/usr/bin/env python3
"""What traffic of model servers costs through two sidecars, beside the same without a mesh.

    sudo -E unshare --net tests/MeshOperator.Benchmarks/models.py traffic [ROUNDS]                  # requests, streams, uploads, large answers
    sudo -E unshare --net tests/MeshOperator.Benchmarks/models.py names [ROUNDS [SECONDS]]          # what names of headers as written cost
    sudo -E unshare --net tests/MeshOperator.Benchmarks/models.py instructions [REQUESTS]           # the same in instructions; needs valgrind

Needs what datapath.py does. Client and server are two network namespaces at one bridge; the mesh's have the redirection of
operator/init/capture.sh and an Envoy of one worker each, with mutual TLS. nginx serves 1 KiB and 50 MB, this program streams and takes uploads.
All pairs run all of the time, and are asked one after the other, round by round. CPU and memory are those of both Envoys.
"""
import asyncio, concurrent.futures, glob, http.client, json, os, re, socket, statistics, subprocess, sys, time

import datapath
from datapath import Pair, apply, begin, leave_out, measure, mesh_pod, of, standing, start_with
from envoys import DATA, NAMESPACE, eventually, read, run, with_processes

APPLICATION = 9000
MB = 1_000_000
UPLOAD, ANSWER = 20 * MB, 50 * MB
STREAMS, MESSAGES_PER_SECOND, STREAM_SECONDS = 100, 20, 5

# As clients of models write them.
HEADERS = ("Accept: application/json", "Accept-Encoding: gzip, deflate", "Authorization: Bearer 0123456789abcdef0123456789abcdef", "Content-Type: application/json",
           "User-Agent: OpenAI/Python 1.99.0", "X-Stainless-Lang: python", "X-Stainless-OS: Linux", "X-Stainless-Runtime: CPython", "X-Request-ID: 5f0c1c7e-6d1b")


# The application.

async def answer(reader, writer):
    """Streams, or takes a body, until the client ends the connection."""
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            if head.startswith(b"POST"):
                await take(reader, int(re.search(rb"content-length: (\d+)", head.lower())[1]))
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            else:
                await stream(writer)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    writer.close()


async def take(reader, left):
    while left > 0 and (part := await reader.read(1 << 20)):
        left -= len(part)


async def stream(writer):
    """Each message says when it was sent, by the clock that all processes of the machine share."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
    due = time.monotonic()
    for _ in range(STREAM_SECONDS * MESSAGES_PER_SECOND):
        due += 1 / MESSAGES_PER_SECOND
        await asyncio.sleep(due - time.monotonic())
        message = b"data: %d\n\n" % time.monotonic_ns()
        writer.write(b"%x\r\n%s\r\n" % (len(message), message))
        await writer.drain()
    writer.write(b"0\r\n\r\n")


async def serve():
    server = await asyncio.start_server(answer, "0.0.0.0", APPLICATION, limit=1 << 20, backlog=1024)
    await server.serve_forever()


# The clients, each a process in the client's namespace, which writes times in microseconds.

def call(host, port, head, body=b""):
    """How long a request takes to the end of its answer, and how long that is."""
    begun, buffer = time.monotonic(), bytearray(1 << 20)
    with socket.create_connection((host, port)) as connection:
        connection.sendall(head.format(host=host, port=port, length=len(body)).encode())
        if body:
            connection.sendall(body)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += received(connection.recv(1 << 16), f"the answer ends in its head: {answer}")
        head, _, rest = answer.partition(b"\r\n\r\n")
        if b" 200 " not in head:
            raise ConnectionError(head.decode())
        length = int(re.search(rb"content-length: (\d+)", head.lower())[1])
        left = length - len(rest)
        while left > 0:
            left -= received(connection.recv_into(buffer), f"{left} bytes are missing")
    return 1e6 * (time.monotonic() - begun), length + len(body)


def received(part, error):
    if not part:
        raise ConnectionError(error)
    return part


def attempt(one):
    """None where it fails; why is on the standard error."""
    try:
        return one()
    except ConnectionError as error:
        print(error, file=sys.stderr)
        return None


def callers(number, each, one):
    """Several threads that make calls one after the other."""
    begun = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(number) as threads:
        results = [threads.submit(lambda: [attempt(one) for _ in range(each)]) for _ in range(number)]
    seconds = time.monotonic() - begun
    found = [found for result in results for found in result.result() if found]
    return {"times": [took for took, _ in found], "requests": len(found), "failed": number * each - len(found),
            "rps": sum(size for _, size in found) / MB / seconds}


def upload(host):
    body = bytes(UPLOAD)
    return callers(4, 3, lambda: call(host, APPLICATION, "POST /upload HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: {length}\r\n\r\n", body))


def download(host, port, parallel):
    return callers(parallel, max(1, 6 // parallel), lambda: call(host, port, "GET /50m HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n"))


async def listen(host, delays):
    reader, writer = await asyncio.open_connection(host, APPLICATION)
    writer.write(f"GET /stream HTTP/1.1\r\nHost: {host}:{APPLICATION}\r\n\r\n".encode())
    await reader.readuntil(b"\r\n\r\n")
    # Proxies make chunks of their own.
    while (line := await reader.readline()) not in (b"0\r\n", b""):
        if line.startswith(b"data: "):
            delays.append((time.monotonic_ns() - int(line[6:])) / 1e3)
    writer.close()


async def listen_to_all(host):
    delays, begun = [], time.monotonic()
    await asyncio.gather(*(listen(host, delays) for _ in range(STREAMS)))
    if len(delays) != STREAMS * STREAM_SECONDS * MESSAGES_PER_SECOND:
        raise ConnectionError(f"{len(delays)} messages arrived")
    return {"times": delays, "requests": len(delays), "rps": len(delays) / (time.monotonic() - begun)}


def repeat(host, port, number):
    """Requests one after the other on one connection."""
    connection = http.client.HTTPConnection(host, port, timeout=60)
    for _ in range(number):
        connection.request("GET", "/1k", headers=dict(header.split(": ", 1) for header in HEADERS))
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise ConnectionError(answer.status)
    return {"requests": number}


CLIENTS = {
    "repeat": lambda host, port, number="1": repeat(host, port, int(number)),
    "upload": lambda host, port: upload(host),
    "stream": lambda host, port: asyncio.run(listen_to_all(host)),
    **{f"download-{parallel}": lambda host, port, parallel=parallel: download(host, port, parallel) for parallel in (1, 10, 100)},
}


# The pairs.

class ModelPair(Pair):
    """A client and a server of models."""

    def __init__(self, name, index, host=None):
        super().__init__(name, index)
        self.host, self.port = host or self.server.address, 80 if host else datapath.PORT
        self.url = f"http://{self.host}:{self.port}/1k"
        self.headers = HEADERS
        self.server.start(*self.server.inside(sys.executable, __file__, "serve"))

    def proxies(self):
        return [pod.proxy.pid for pod in (self.client, self.server) if pod.proxy]

    def cpu(self):
        return self.client.cpu() + self.server.cpu()

    def ask(self, what):
        """What a client finds, with the CPU of the proxies a request."""
        before = self.cpu()
        command = self.client.inside(sys.executable, __file__, "client", what, self.host, str(self.port))
        found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        times = sorted(found["times"])
        return {"rps": found["rps"], "failed": found.get("failed", 0), "p50": times[len(times) // 2], "p99": times[int(len(times) * 0.99)], "cpu": 1e6 * (self.cpu() - before) / found["requests"]}

    def memory(self, key):
        """Of each proxy, in MiB."""
        return [int(re.search(rf"{key}:\s+(\d+)", read(f"/proc/{pid}/status"))[1]) / 1024 for pid in self.proxies()]


def direct_pair(index):
    pair = ModelPair("direct", index)
    for pod in (pair.client, pair.server):
        run(*pod.inside("nft", "flush", "ruleset"))
    return pair


def mesh_pair(way, index, app="model"):
    ports = [{"name": "http", "port": 80, "targetPort": datapath.PORT}, {"name": "http-streams", "port": APPLICATION, "targetPort": APPLICATION}]
    apply(of("Service", app, {"selector": {"app": app}, "ports": ports}))
    pair = ModelPair(app, index, json.loads(run("kubectl", "get", "service", app, "-n", NAMESPACE, "-o", "json"))["spec"]["clusterIP"])
    mesh_pod(pair.client, way, f"{app}-client")
    mesh_pod(pair.server, way, app)
    return pair


def prepare():
    way = begin()
    with open(f"{DATA}/www/50m", "wb") as file:
        file.write(bytes(ANSWER))
    return way


KINDS = {
    "1 KB, 1 connection": lambda pair: pair.round(1, 3),
    "1 KB, 32 connections": lambda pair: pair.round(32, 3),
    "100 streams of 20 messages/s": lambda pair: pair.ask("stream"),
    "uploads of 20 MB, 4 at once": lambda pair: pair.ask("upload"),
    **{f"answers of 50 MB, {parallel} at once": lambda pair, parallel=parallel: pair.ask(f"download-{parallel}") for parallel in (1, 10, 100)},
}


def traffic(rounds):
    way = prepare()
    pairs = {"direct": direct_pair(2), "mesh": mesh_pair(way, 1)}
    for pair in pairs.values():
        pair.answers()
        pair.round(32, 2)
    print("memory of client's and server's proxy before: " + ", ".join(f"{mib:.0f} MiB" for mib in pairs["mesh"].memory("VmRSS")))
    print(f"{rounds} rounds, medians; rates are requests, messages or MB a second; in brackets the median of each round's quotient to direct")
    print("| what | | rate | p50 | p99 | CPU of both proxies a request | failed | most memory of the proxies |\n|---|---|---|---|---|---|---|---|")
    for kind, ask in KINDS.items():
        found = {name: [] for name in pairs}
        for pid in pairs["mesh"].proxies():
            with open(f"/proc/{pid}/clear_refs", "w") as file:
                file.write("5")
        for _ in range(rounds):
            for name, pair in pairs.items():
                found[name].append(ask(pair))
        for name, results in found.items():
            print(f"| {kind} | {name} | {' | '.join(cells(results, found['direct']))} | {memory_cell(pairs[name])} |", flush=True)
    print("memory after: " + ", ".join(f"{mib:.0f} MiB" for mib in pairs["mesh"].memory("VmRSS")))


def cells(results, base):
    for key, form in (("rps", "{:,.0f}"), ("p50", "{:,.0f} us"), ("p99", "{:,.0f} us")):
        middle = form.format(statistics.median(r[key] for r in results))
        quotient = statistics.median(r[key] / b[key] for r, b in zip(results, base))
        yield middle if results is base else f"{middle} ({quotient:.2f})"
    yield "" if results is base else f"{statistics.median(r['cpu'] for r in results):,.0f} us"
    yield str(sum(r.get("failed", 0) for r in results))


def memory_cell(pair):
    return ", ".join(f"{mib:.0f} MiB" for mib in pair.memory("VmHWM"))


def pairs_of_names(program=datapath.ENVOY):
    """The mesh's configuration in files, with names of headers as they were written, and without."""
    way = prepare()
    whole = mesh_pair(way, 1)
    whole.answers()
    files = [json.dumps(standing(pod)) for pod in (whole.client, whole.server)]
    datapath.ENVOY = program
    pairs = {}
    for index, (name, change) in enumerate({"as written": lambda _: None, "lower case": leave_out("header_key_format")}.items(), 3):
        pair = pairs[name] = ModelPair(f"names{index}", index, whole.host)
        moved = [json.loads(file.replace("10.9.1.", f"10.9.{index}.")) for file in files]
        for configuration in moved:
            change(configuration)
        start_with(pair, *moved)
    return pairs


def names(rounds, seconds):
    pairs = pairs_of_names()
    measure(pairs, rounds, seconds)
    for name, pair in pairs.items():
        print(f"{name}: {memory_cell(pair)} at most")


def instructions(requests):
    """What both Envoys of a pair execute for a request in user space, which does not depend on what else the machine does."""
    program = f"{DATA}/counted"
    with open(program, "w") as file:
        file.write(f'#!/bin/sh\nexec valgrind -q --tool=callgrind --callgrind-out-file={DATA}/%p.count "{datapath.ENVOY}" "$@"\n')
    os.chmod(program, 0o755)
    for name, pair in pairs_of_names(program).items():
        eventually(f"{pair.url} does not answer", lambda: pair.client.get(pair.url) == read(f"{DATA}/www/1k"), seconds=600, every=1)
        ask_again(pair, requests // 5)
        counts = []
        for number in (requests, 2 * requests):
            before = executed(pair)
            ask_again(pair, number)
            counts.append(executed(pair) - before)
        print(f"{name}: {(counts[1] - counts[0]) / requests:,.0f} instructions a request", flush=True)


def ask_again(pair, requests):
    command = pair.client.inside(sys.executable, __file__, "client", "repeat", pair.host, str(pair.port), str(requests))
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def executed(pair):
    """Since the start, by the sum of all dumps."""
    total = 0
    for pid in pair.proxies():
        subprocess.run(["callgrind_control", "--dump", str(pid)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for path in glob.glob(f"{DATA}/{pid}.count.*"):
            total += sum(int(number) for number in re.findall(r"^totals: (\d+)", read(path), re.M))
    return total


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        asyncio.run(serve())
    elif sys.argv[1:2] == ["client"]:
        print(json.dumps(CLIENTS[sys.argv[2]](sys.argv[3], int(sys.argv[4]), *sys.argv[5:])))
    elif sys.argv[1:2] == ["traffic"]:
        with_processes(lambda: traffic(int((sys.argv[2:] + ["3"])[0])))
    elif sys.argv[1:2] == ["names"]:
        with_processes(lambda: names(*(int(text) for text in (sys.argv[2:] + ["5", "3"][len(sys.argv) - 2:]))))
    elif sys.argv[1:2] == ["instructions"]:
        with_processes(lambda: instructions(int((sys.argv[2:] + ["500"])[0])))
    else:
        sys.exit(__doc__)
