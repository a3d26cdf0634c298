#!/usr/bin/env python3
"""Makes crypto.json: vectors of encrypted sessions by another implementation.

Needs the package `cryptography` (which asks OpenSSL); writes to standard output:
    python3 tests/vectors/make_crypto.py > tests/vectors/crypto.json
Everything is derived from the numbers below, so that a second run gives the same file.
"""

import base64
import hashlib
import json

from cryptography.hazmat.primitives import padding, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF


def b64(data):
    return base64.b64encode(data).decode()


def pseudo(label, length):
    out = b""
    while len(out) < length:
        out += hashlib.sha256(f"{label} {len(out)}".encode()).digest()
    return out[:length]


def cbc(key, iv, padded):
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    return encryptor.update(padded) + encryptor.finalize()


def seal(key, iv, plain):
    pad = padding.PKCS7(128).padder()
    return cbc(key, iv, pad.update(plain) + pad.finalize())


def cipher_vector(label, plain):
    key, iv = pseudo(f"{label} key", 32), pseudo(f"{label} iv", 16)
    return {"key": b64(key), "iv": b64(iv), "plain": b64(plain), "sealed": b64(seal(key, iv, plain))}


def bad_padding(label, tail):
    key, iv = pseudo(f"{label} key", 32), pseudo(f"{label} iv", 16)
    padded = pseudo(label, 32 - len(tail)) + tail
    return {"what": label, "key": b64(key), "iv": b64(iv), "sealed": b64(cbc(key, iv, padded))}


def private(label):
    number = int.from_bytes(pseudo(label, 32), "big") % (N - 1) + 1
    return number, ec.derive_private_key(number, ec.SECP256R1())


def point(key):
    return key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )


def message(action, body):
    return b64(bytes([action]) + json.dumps(body, separators=(",", ":")).encode())


def ecdhe_vector(label):
    (client_number, client), (agent_number, agent) = private(f"{label} c"), private(f"{label} a")
    iv = pseudo(f"{label} iv", 16)
    shared = client.exchange(ec.ECDH(), agent.public_key())
    assert shared == agent.exchange(ec.ECDH(), client.public_key())
    client_pub, agent_pub = b64(point(client)), b64(point(agent))
    suite = "AXT_ECDHE_WITH_AES_256_CBC"
    return {
        "client_private": b64(client_number.to_bytes(32, "big")),
        "agent_private": b64(agent_number.to_bytes(32, "big")),
        "iv": b64(iv),
        "client_pub": client_pub,
        "client_hello": message(0, {"cipherSuite": suite, "encryptIV": b64(iv)}),
        "agent_hello": message(1, {"clientCertificate": False}),
        "client_key_exchange": message(2, {"clientPub": client_pub, "signature": ""}),
        "agent_key_exchange": message(3, {"agentPub": agent_pub}),
        "shared": b64(shared),
        "hello_world": b64(seal(shared, iv, b"hello world")),
    }


def bad_public_keys():
    good = point(private("good")[1])
    cases = {
        "off the curve": good[:-1] + bytes([good[-1] ^ 1]),
        "compressed": bytes([2 + good[-1] % 2]) + good[1:33],
        "hybrid": bytes([6 + good[-1] % 2]) + good[1:],
        "one byte short": good[:-1],
        "one byte long": good + b"\0",
        "infinity": b"\0",
        "infinity, padded": b"\0" * 65,
        "the zero point": b"\4" + b"\0" * 64,
        "x not in the field": b"\4" + P.to_bytes(32, "big") + good[33:],
        "nothing": b"",
    }
    vectors = [{"what": what, "public": b64(public)} for what, public in cases.items()]
    for what, text in {"no Base64": "?", "unpadded Base64": b64(good).rstrip("=")}.items():
        vectors.append({"what": what, "public": text})
    return vectors


lengths = [0, 1, 2, 11, 15, 16, 17, 31, 32, 33, 255, 1023, 1024, 2047]
print(
    json.dumps(
        {
            "cipher": [cipher_vector(f"cipher {n}", pseudo(f"plain {n}", n)) for n in lengths],
            "bad_padding": [
                bad_padding("a zero", b"\0"),
                bad_padding("seventeen", b"\x11" * 17),
                bad_padding("one byte of three differs", b"\4\3\3"),
                bad_padding("too few", b"\2" + b"\xff\x03"),
                bad_padding("all ones", b"\xff" * 16),
            ],
            "ecdhe": [ecdhe_vector(f"exchange {n}") for n in range(8)],
            "bad_public_keys": bad_public_keys(),
        },
        indent=1,
    )
)
