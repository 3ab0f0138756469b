"""Asks a rate-limit service over grpcio, with the messages of envoy-data-plane."""

import sys

import grpc
from envoy_data_plane.envoy.extensions.common.ratelimit.v3 import (
    RateLimitDescriptor as Descriptor,
    RateLimitDescriptorEntry as Entry,
    RateLimitDescriptorRateLimitOverride as Override,
)
from envoy_data_plane.envoy.service.ratelimit.v3 import RateLimitRequest, RateLimitResponse
from envoy_data_plane.envoy.type.v3 import RateLimitUnit as Unit

channel = grpc.insecure_channel(sys.argv[1])
should_rate_limit = channel.unary_unary(
    "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit",
    request_serializer=bytes,
    response_deserializer=RateLimitResponse.parse,
)


def ask(descriptor, domain="default", hits_addend=0):
    request = RateLimitRequest(domain=domain, hits_addend=hits_addend, descriptors=[descriptor])
    try:
        response = should_rate_limit(request, timeout=20)
    except grpc.RpcError as error:
        print(error.code().name, error.details())
        return
    [status] = response.statuses
    assert status.code == response.overall_code, response
    names = {header.key for header in response.response_headers_to_add}
    assert {"ratelimit", "ratelimit-policy"} <= names, names
    limit = status.current_limit
    print(status.code.name, status.limit_remaining, "of", limit.requests_per_unit, limit.unit.name)


def alice(**fields):
    return Descriptor(entries=[Entry(key="client", value="alice")], **fields)


ask(alice())
ask(alice(), hits_addend=1)
ask(alice(hits_addend=0), hits_addend=5)
ask(alice(hits_addend=2))
ask(alice())
ask(alice())
ask(alice(limit=Override(requests_per_unit=7, unit=Unit.DAY)))
ask(alice(), domain="")
ask(alice(limit=Override(requests_per_unit=7)))
