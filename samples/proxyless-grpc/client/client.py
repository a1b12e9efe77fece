"""Calls the greeter without a proxy, and prints how many answers came from each version.

    GRPC_XDS_BOOTSTRAP=bootstrap.json python3 client.py [CALLS]

Needs grpcio (Debian: python3-grpcio). Exits with 1 when a call failed.
"""
import collections
import sys

import grpc

TARGET = "xds:///greeter.greetings:80"
METHOD = "/grpc.health.v1.Health/Check"
DEADLINE_S = 10


def main():
    answers, failed = collections.Counter(), False
    with grpc.insecure_channel(TARGET) as channel:
        check = channel.unary_unary(METHOD)
        for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 200):
            try:
                _, call = check.with_call(b"", timeout=DEADLINE_S, wait_for_ready=True)
                answers[dict(call.initial_metadata()).get("x-version", "OK")] += 1
            except grpc.RpcError as error:
                answers[f"{error.code().name} {error.details()}"] += 1
                failed = True
    for answer, count in sorted(answers.items()):
        print(count, answer)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
