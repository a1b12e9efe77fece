"""The client of grpc.sh with gRPC's C core; client.js says what it takes and prints."""
import json
import signal
import sys
import threading
import time

import grpc

PARALLEL = 32
DEADLINE_S = 10
SAY = "/echo.Echo/Say"

channels = {}


def method(target, path):
    if target not in channels:
        channels[target] = grpc.insecure_channel(target)
    return channels[target].unary_unary(path, request_serializer=str.encode, response_deserializer=bytes.decode)


def tally():
    return {"codes": {}, "from": {}, "fastestMs": DEADLINE_S * 1000, "slowestMs": 0}


class Sums:
    """Counts what came of calls, in several sums at once."""

    def __init__(self, *sums):
        self._sums = list(sums)
        self._lock = threading.Lock()

    def swap(self, index, new):
        with self._lock:
            old, self._sums[index] = self._sums[index], new
            return old

    def call(self, say, metadata):
        begin, answer, error = time.monotonic(), None, None
        try:
            answer = say("hello", timeout=DEADLINE_S, metadata=metadata)
        except grpc.RpcError as failure:
            error = failure
        taken = round((time.monotonic() - begin) * 1000)
        with self._lock:
            for sums in self._sums:
                code = error.code().name if error else "OK"
                sums["codes"][code] = sums["codes"].get(code, 0) + 1
                if error:
                    sums.setdefault("error", error.details())
                else:
                    sums["from"][answer] = sums["from"].get(answer, 0) + 1
                sums["fastestMs"] = min(sums["fastestMs"], taken)
                sums["slowestMs"] = max(sums["slowestMs"], taken)


def parallel(workers, step):
    def work():
        while step():
            pass

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def line(text):
    name, target, count, path, *pairs = text.split()
    metadata = [tuple(pair.split("=", 1)) for pair in pairs]
    result, numbers, lock = tally(), iter(range(int(count))), threading.Lock()
    say, sums = method(target, path), Sums(result)

    def step():
        with lock:
            number = next(numbers, None)
        if number is None:
            return False
        sums.call(say, [*metadata, ("call", f"{name}-{number}")])
        return True

    parallel(min(PARALLEL, int(count)), step)
    print(name, json.dumps(result, separators=(",", ":")), flush=True)


def forever(target):
    total, ended = tally(), threading.Event()
    say, sums = method(target, SAY), Sums(total, tally())

    def step():
        sums.call(say, [])
        return not ended.is_set()

    def report():
        while not ended.wait(0.2):
            print(json.dumps(sums.swap(1, tally())), flush=True)

    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    threading.Thread(target=report, daemon=True).start()
    parallel(4, step)
    print(json.dumps(total))


if __name__ == "__main__":
    if sys.argv[1:2] == ["forever"]:
        forever(sys.argv[2])
    else:
        for text in sys.stdin:
            line(text)
