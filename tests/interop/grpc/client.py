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


def method(channel, path):
    return channel.unary_unary(path, request_serializer=str.encode, response_deserializer=bytes.decode)


def tally():
    return {"codes": {}, "from": {}, "slowestMs": 0}


class Sums:
    """Counts outcomes in several sums at once."""

    def __init__(self, *sums):
        self.sums = list(sums)
        self._lock = threading.Lock()

    def swap(self, index, new):
        with self._lock:
            old, self.sums[index] = self.sums[index], new
            return old

    def add(self, begin, answer, error):
        code = error.code().name if error else "OK"
        taken = round((time.monotonic() - begin) * 1000)
        with self._lock:
            for sums in self.sums:
                sums["codes"][code] = sums["codes"].get(code, 0) + 1
                if error:
                    sums.setdefault("error", error.details())
                else:
                    sums["from"][answer] = sums["from"].get(answer, 0) + 1
                sums["slowestMs"] = max(sums["slowestMs"], taken)


def timed(say, sums, metadata=()):
    begin = time.monotonic()
    try:
        sums.add(begin, say("hello", timeout=DEADLINE_S, metadata=metadata), None)
    except grpc.RpcError as error:
        sums.add(begin, None, error)


def parallel(workers, step):
    def work():
        while step():
            pass

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def calls(channel, count, path=SAY, *pairs):
    count, result = int(count), tally()
    metadata = dict(pair.split("=", 1) for pair in pairs)
    numbers, lock = iter(range(count)), threading.Lock()
    say, sums = method(channel, path), Sums(result)

    def step():
        with lock:
            number = next(numbers, None)
        if number is None:
            return False
        own = {**metadata, "call": f"{metadata['call']}-{number}"} if "call" in metadata else metadata
        timed(say, sums, tuple(own.items()))
        return True

    parallel(min(PARALLEL, count), step)
    print(json.dumps(result))


def forever(channel):
    total, ended = tally(), threading.Event()
    say, sums = method(channel, SAY), Sums(total, tally())

    def step():
        timed(say, sums)
        return not ended.is_set()

    def report():
        while not ended.wait(0.2):
            print(json.dumps(sums.swap(1, tally())), flush=True)

    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    threading.Thread(target=report, daemon=True).start()
    parallel(4, step)
    print(json.dumps(total))


def ask(channel, path, text):
    print(method(channel, path)(text, timeout=DEADLINE_S))


if __name__ == "__main__":
    target, command, *rest = sys.argv[1:]
    with grpc.insecure_channel(target) as to_target:
        {"calls": calls, "forever": forever, "ask": ask}[command](to_target, *rest)
