"""What the benchmarks with real Envoys share: `meshop local`, the way to it, the proxy's arguments of an injected pod, and the processes' end."""
import json, os, re, shutil, signal, socket, struct, subprocess, sys, tempfile, threading, time

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
MESHOP = os.environ.get("MESHOP", f"dotnet {ROOT}/operator/MeshOperator/bin/Debug/net10.0/meshop.dll").split()
ENVOY = os.environ.get("ENVOY") or shutil.which("envoy") or sys.exit("name an Envoy by ENVOY")
NAMESPACE, OPERATOR = "bench", "mesh-operator.mesh-system.svc"
DATA = tempfile.mkdtemp(prefix="meshop-bench-")
processes = []


def run(*command, **options):
    return subprocess.run(command, check=True, text=True, capture_output=True, **options).stdout


def eventually(what, holds, seconds=60.0, every=0.05):
    end = time.time() + seconds
    while not (value := holds()):
        if time.time() > end:
            sys.exit(f"after {seconds:.0f} s: {what}")
        time.sleep(every)
    return value


def read(path):
    with open(path) as file:
        return file.read()


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


class Mesh:
    def __init__(self):
        self.log = f"{DATA}/log"
        arguments = ["local", "--proxy", "None", "--xds-port", "0", "--data", f"{DATA}/mesh", "--output", "json", "--log-level", "Information"]
        processes.append(subprocess.Popen(MESHOP + arguments, stdout=open(f"{DATA}/ready", "w"), stderr=open(self.log, "w")))
        eventually("meshop local is not ready", lambda: read(f"{DATA}/ready").strip())
        self.port = int(json.loads(read(f"{DATA}/ready").splitlines()[0])["xdsTls"].rsplit(":", 1)[1])
        os.environ["KUBECONFIG"] = f"{DATA}/mesh/kubeconfig"
        run("kubectl", "create", "namespace", NAMESPACE)
        run("kubectl", "label", "namespace", NAMESPACE, "meshoperator.io/injection=enabled")
        eventually("no service account", lambda: subprocess.run(["kubectl", "get", "sa", "default", "-n", NAMESPACE], capture_output=True).returncode == 0)

    def connects(self):
        return connects(read(self.log) + read(f"{DATA}/ready"))


class Replica:
    """`meshop run` on the cluster of the mesh, as its second replica, which can be killed."""

    def __init__(self):
        self.log = f"{DATA}/run"
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.start()

    def start(self):
        """Starts it and waits until it takes connections."""
        arguments = ["run", "--kubeconfig", f"{DATA}/mesh/kubeconfig", "--xds-port", str(self.port), "--webhook-port", "0", "--metrics-port", "0", "--replica-port", "0"]
        self.process = subprocess.Popen(MESHOP + arguments, stdout=open(self.log, "a"), stderr=subprocess.STDOUT)
        processes.append(self.process)
        eventually("meshop run takes no connections", self.is_listening, every=0.02)

    def is_listening(self):
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self):
        self.process.kill()
        self.process.wait()

    def connects(self):
        return connects(read(self.log))


def connects(log):
    """How often each proxy has connected, by an operator's log."""
    found = {}
    for line in log.splitlines():
        if (match := re.search(rf"(\S+)\.{NAMESPACE}\b", line)) and re.search(r"\bconnected\b", line):
            found[match[1]] = found.get(match[1], 0) + 1
    return found


class Way:
    """The way to the operator, which can be closed."""

    def __init__(self, to, address="127.0.0.1"):
        self.to, self.address, self.port, self.listener, self.sockets = to, address, 0, None, []
        self.open()

    def open(self):
        self.listener = socket.create_server((self.address, self.port), backlog=1024)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for one in self.sockets:
            try:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.sockets = []

    def accept(self, listener):
        while True:
            try:
                client = listener.accept()[0]
                server = socket.create_connection(("127.0.0.1", self.to))
            except OSError:
                return
            self.sockets += [client, server]
            for pair in ((client, server), (server, client)):
                threading.Thread(target=self.copy, args=pair, daemon=True).start()

    @staticmethod
    def copy(source, target):
        try:
            while data := source.recv(1 << 16):
                target.sendall(data)
        except OSError:
            pass
        for one in (source, target):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def proxy_arguments(pod, way, address):
    """The arguments of the injected proxy of a pod, with what the kubelet puts in. Its token is written beside the mesh's files."""
    name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
    container = next(c for c in pod["spec"]["containers"] + pod["spec"].get("initContainers", []) if c["name"] == "mesh-proxy")
    token = run("kubectl", "create", "token", "default", "-n", NAMESPACE, "--audience", "meshoperator.io", "--bound-object-kind", "Pod",
                "--bound-object-name", name, "--bound-object-uid", uid).strip()
    write(f"{DATA}/{name}.token", token)
    arguments = list(container["args"])
    at = arguments.index("--config-yaml")
    for text, value in (("$(POD_NAME)", name), ("$(POD_UID)", uid), ("$(POD_IP)", address), ("$$", "$"),
                        ("/var/run/meshoperator.io/token/token", f"{DATA}/{name}.token"),
                        ("/var/run/meshoperator.io/admin/", f"{DATA}/{name}."), ("/var/run/meshoperator.io/trust", f"{DATA}/mesh"),
                        (f"{OPERATOR}:15012", f"{OPERATOR}:{way.port}")):
        arguments[at + 1] = arguments[at + 1].replace(text, value)
    arguments[arguments.index("--concurrency") + 1] = "1"
    return arguments


def with_processes(main):
    """Runs it, and ends what it started."""
    if os.geteuid() != 0:
        sys.exit("it needs root, for namespaces")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
    run("ip", "link", "set", "lo", "up")
    try:
        main()
    finally:
        for process in reversed(processes):
            if process.poll() is None:
                process.terminate()
        for process in processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
        shutil.rmtree(DATA, ignore_errors=True)
