"""PyJWT, asked for rounds as the contender in Rust is: see ../src/bin/contender.rs."""

import json
import sys
import time

import jwt

kind, file = sys.argv[1:]
with open(file, encoding="utf-8") as fixtures:
    everything = json.load(fixtures)
token, audience, nonce = (everything[kind].get(name) for name in ("token", "audience", "nonce"))
keys = {key.key_id: key for key in jwt.PyJWKSet.from_dict(everything["jwks"]).keys}
required = {"require": ["exp", "iat", "iss", "aud"]}


def verify():
    key = keys[jwt.get_unverified_header(token)["kid"]]
    claims = jwt.decode(
        token, key, algorithms=["RS256"], issuer=everything["issuer"], audience=audience, leeway=60, options=required
    )
    if claims.get("nonce") != nonce:
        raise ValueError("another nonce")


for line in sys.stdin:
    begin = time.thread_time_ns()
    for _ in range(int(line)):
        verify()
    print(time.thread_time_ns() - begin, flush=True)
