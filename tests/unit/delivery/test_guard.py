"""Where a notification may not go."""

import pytest

from aimass.delivery.guard import Refused, is_internal, look


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1%eth0",
        "fc00::1",
        "ff02::1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "fd00:ec2::254",
        "fec0::1",
        "::7f00:1",
        "::ffff:0:7f00:1",
        "64:ff9b:1::7f00:1",
        "168.63.129.16",
        "192.0.0.192",
        "192.0.0.9",
    ],
)
def test_internal_addresses_are_known(address):
    assert is_internal(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "::ffff:1.1.1.1"])
def test_public_addresses_are_let_through(address):
    assert not is_internal(address)


async def resolved(host, port):
    return {"public.example": ["1.1.1.1"], "both.example": ["1.1.1.1", "10.0.0.1"]}.get(host, [host])


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ftp://public.example/", "not http"),
        ("file:///etc/passwd", "not http"),
        ("public.example/hook", "not http"),
        ("http://user:pass@public.example/", "name or password"),
        ("http:///hook", "without a host"),
        ("http://public.example:99999/", "not a URL"),
        ("http://127.0.0.1/", "internal"),
        ("http://[::1]/", "internal"),
        ("http://both.example/", "internal"),
    ],
)
async def test_a_bad_place_is_refused_with_the_reason(url, why):
    with pytest.raises(Refused, match=why):
        await look(url, allow_internal=False, resolver=resolved)


async def test_a_good_place_is_told_with_its_address():
    found = await look("https://public.example/hook", allow_internal=False, resolver=resolved)
    assert (found.host, found.port, found.addresses) == ("public.example", 443, ("1.1.1.1",))


@pytest.mark.parametrize("host", ["a..b", "a" * 70 + ".example"])
async def test_what_is_no_name_of_a_host_is_refused(host):
    with pytest.raises(Refused, match="no name of a host"):
        await look(f"http://{host}/", allow_internal=False)
