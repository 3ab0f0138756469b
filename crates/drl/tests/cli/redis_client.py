"""What a program does that uses the `redis` package: arguments are the ports of a server and of one with a password."""

import sys

import redis

OPEN, GUARDED = (int(port) for port in sys.argv[1:])


def equal(found, wanted):
    assert found == wanted, f"{found!r} is not {wanted!r}"


def refused(error, call, *arguments):
    try:
        answer = call(*arguments)
    except error as refusal:
        return str(refusal)
    raise AssertionError(f"{arguments!r} was answered {answer!r}")


for protocol in (2, 3):
    client = redis.Redis(port=OPEN, db=0, protocol=protocol, client_name="test", socket_timeout=10)
    assert client.ping()
    assert client.client_getname() in ("test", b"test")
    assert client.client_id() > 0
    equal(client.echo("hello"), b"hello")
    assert client.info()["redis_mode"] == "standalone"
    assert client.command_count() > 0
    assert "cl.throttle" in client.command()

    key = b"\x00\r\n\xff%d" % protocol
    throttle = lambda *arguments: client.execute_command("CL.THROTTLE", *arguments)
    equal(throttle(key, 0, 1, 3600), [0, 1, 0, -1, 3600])
    equal(throttle(key, 0, 1, 3600), [1, 1, 0, 3600, 3600])
    equal(throttle(key, 0, 1, 3600, 0), [0, 1, 0, -1, 3600])
    assert "must be at least 1" in refused(redis.ResponseError, throttle, key, 0, 0, 60)
    refused(redis.ResponseError, client.get, "key")
    refused(redis.ResponseError, client.execute_command, "SELECT", 1)

    pipeline = client.pipeline(transaction=False)
    for number in range(500):
        pipeline.execute_command("CL.THROTTLE", f"pipe-{protocol}-{number % 250}", 0, 1, 3600)
    answers = pipeline.execute()
    equal([answer[0] for answer in answers], [0] * 250 + [1] * 250)
    client.close()

    with redis.Redis(port=GUARDED, protocol=protocol, password="secret", socket_timeout=10) as client:
        equal(client.execute_command("CL.THROTTLE", f"k{protocol}", 0, 1, 3600), [0, 1, 0, -1, 3600])
    for wrong in (None, "wrong"):
        with redis.Redis(port=GUARDED, protocol=protocol, password=wrong, socket_timeout=10) as client:
            refused(redis.AuthenticationError, client.ping)
