"""The part of a sidecar that has to do with certificates, on gRPC's C core, which reads its roots once, as Envoy's google_grpc does.

usage: proxy.py ADDRESS NODE TOKEN_FILE ROOTS_FILE FOLDER

Keeps a delta ADS stream open, acknowledges the secrets that come, and writes them to FOLDER: identity.crt, identity.key, trust-bundle.crt; then
a line with the number of responses to standard output."""

import os
import queue
import re
import sys

import grpc

SECRET = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"
METHOD = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"


def field(number, value):
    """A length-delimited field of a protobuf message."""
    size, header = len(value), [number << 3 | 2]
    while size > 0x7F:
        header.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes(header + [size]) + value


def fields(message):
    """The length-delimited fields of a protobuf message: pairs of number and bytes."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        key = varint()
        if key & 7 == 0:
            varint()
            continue
        size = varint()
        yield key >> 3, message[at : at + size]
        at += size


def write(folder, name, content):
    with open(os.path.join(folder, name), "wb") as file:
        file.write(content)


def take(folder, response):
    """Writes the secrets of a response and returns its nonce."""
    nonce = b""
    for number, value in fields(response):
        if number == 5:
            nonce = value
        elif number == 2:
            keys = re.findall(rb"-----BEGIN PRIVATE KEY-----.*?-----END PRIVATE KEY-----\n", value, re.S)
            certificates = b"".join(re.findall(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", value, re.S))
            write(folder, "identity.crt" if keys else "trust-bundle.crt", certificates)
            if keys:
                write(folder, "identity.key", keys[0])
    return nonce


def main(address, node, token_file, roots_file, folder):
    with open(roots_file, "rb") as file:
        roots = file.read()
    with open(token_file, encoding="ascii") as file:
        token = file.read().strip()
    channel = grpc.secure_channel(address, grpc.ssl_channel_credentials(roots))
    stream = channel.stream_stream(METHOD)
    requests = queue.SimpleQueue()
    subscription = field(2, SECRET.encode())
    requests.put(field(1, field(1, node.encode())) + subscription + field(3, b"identity") + field(3, b"trust-bundle"))
    count = 0
    for response in stream(iter(requests.get, None), metadata=[("authorization", f"Bearer {token}")]):
        nonce = take(folder, response)
        requests.put(subscription + field(6, nonce))
        count += 1
        print(count, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
