#!/usr/bin/python3
"""Hundreds of ADS streams that come back as sidecars' do, after an outage of the operator.

    tests/MeshOperator.Benchmarks/streams.py [STREAMS] [SECONDS...]      # by default 500, and 2, 15 and 60 s

Each stream has a connection of its own, of gRPC's C core with the settings of a sidecar's bootstrap; where a stream has failed it waits as Envoy
does, 0.5 s doubled up to 30 s, at random below that. It is back when it has been sent its clusters. `meshop local` is killed and started again on the
same port; the clock starts when the port is open. Needs the built `meshop`, and python3-grpcio.
"""
import os, random, shutil, signal, socket, subprocess, sys, tempfile, threading, time

import grpc

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
sys.path.insert(0, f"{ROOT}/tests/interop/identity")
from proxy import METHOD, field

MESHOP = os.environ.get("MESHOP", f"dotnet {ROOT}/operator/MeshOperator/bin/Debug/net10.0/meshop.dll").split()
CLUSTERS = b"type.googleapis.com/envoy.config.cluster.v3.Cluster"
SETTINGS = [
    ("grpc.service_config", '{"methodConfig":[{"name":[{}],"waitForReady":true}]}'), ("grpc.initial_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 2000), ("grpc.min_reconnect_backoff_ms", 1000), ("grpc.use_local_subchannel_pool", 1),
]
DATA = tempfile.mkdtemp(prefix="streams-")


class Stream(threading.Thread):
    def __init__(self, index, port):
        super().__init__(daemon=True)
        self.request = field(1, field(1, f"s{index}.bench".encode())) + field(2, CLUSTERS)
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}", SETTINGS)
        self.answered, self.attempts = 0.0, 0

    def run(self):
        call, failures = self.channel.stream_stream(METHOD), 0
        while True:
            self.attempts += 1
            ended = threading.Event()
            try:
                for _ in call(self.requests(ended)):
                    self.answered, failures = time.time(), 0
            except grpc.RpcError:
                pass
            ended.set()
            time.sleep(random.random() * min(30, 0.5 * 2 ** failures))
            failures += 1

    def requests(self, ended):
        yield self.request
        ended.wait()


def start(port):
    mesh = subprocess.Popen(MESHOP + ["local", "--xds-port", str(port), "--data", f"{DATA}/mesh", "--apply", f"{ROOT}/samples/canary", "--output", "json"],
                            stdout=open(f"{DATA}/out", "w"), stderr=subprocess.STDOUT)
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return mesh, time.time()
        except OSError:
            time.sleep(0.02)


def main(count, outages):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    mesh, opened = start(port)
    streams = [Stream(i, port) for i in range(count)]
    for stream in streams:
        stream.start()
    try:
        for outage in (None, *outages):
            if outage is not None:
                time.sleep(5)
                mesh.send_signal(signal.SIGKILL)
                mesh.wait()
                killed = time.time()
                # The program takes some of the outage to start.
                time.sleep(max(0, outage - 1.5))
                attempts = sum(stream.attempts for stream in streams)
                mesh, opened = start(port)
            while (missing := sum(stream.answered < opened for stream in streams)) and time.time() - opened < 120:
                time.sleep(0.02)
            back = sorted(stream.answered - opened for stream in streams if stream.answered >= opened)
            at = lambda share: back[min(len(back) - 1, int(len(back) * share))]
            what = "at first" if outage is None else f"after an outage of {opened - killed:.1f} s ({sum(s.attempts for s in streams) - attempts} streams begun)"
            print(f"{what}: {len(back)} of {count} streams; p50 {at(0.5):.2f} s, p99 {at(0.99):.2f} s, the last after {back[-1]:.2f} s; missing {missing}", flush=True)
    finally:
        mesh.kill()
        shutil.rmtree(DATA, ignore_errors=True)
        os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500, [float(s) for s in sys.argv[2:]] or [2, 15, 60])
