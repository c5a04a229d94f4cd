"""Are access logs of Apache and nginx taken apart?"""

import pytest

from aimass.errors import BadEvent
from aimass.formats.weblog import Weblog

COMMON, COMBINED = Weblog("common"), Weblog("combined")
APACHE = (
    b'203.0.113.9 - frank [10/Oct/2023:13:55:36 -0700] "GET /apache_pb.gif?x=%22 HTTP/1.0" 200 2326 '
    b'"http://www.example.com/start.html" "Mozilla/4.08 [en] (Win98; I ;Nav)"'
)
NGINX = b'2001:db8::1 - - [01/Feb/2024:00:00:07 +0000] "PUT /a HTTP/2.0" 499 0 "-" "curl/8.5.0" "198.51.100.4" 0.003\n'


def line(request=b"GET / HTTP/1.1", tail=b"200 5", time=b"10/Oct/2023:13:55:36 -0700", user=b"-"):
    return b'h - %s [%s] "%s" %s' % (user, time, request, tail)


def test_a_line_of_apache():
    assert COMBINED.decode(APACHE) == {
        "host": "203.0.113.9",
        "ident": None,
        "user": "frank",
        "time": "2023-10-10T13:55:36-07:00",
        "method": "GET",
        "path": "/apache_pb.gif?x=%22",
        "protocol": "HTTP/1.0",
        "status": 200,
        "bytes": 2326,
        "referer": "http://www.example.com/start.html",
        "agent": "Mozilla/4.08 [en] (Win98; I ;Nav)",
    }


def test_what_nginx_adds_is_kept():
    data = COMBINED.decode(NGINX)
    assert (data["referer"], data["agent"], data["extra"]) == (None, "curl/8.5.0", '"198.51.100.4" 0.003')
    assert (data["host"], data["user"], data["status"], data["bytes"]) == ("2001:db8::1", None, 499, 0)


def test_a_line_of_the_common_format_has_no_referer():
    assert list(COMMON.decode(line())) == [
        "host",
        "ident",
        "user",
        "time",
        "method",
        "path",
        "protocol",
        "status",
        "bytes",
    ]


def test_a_dash_is_null():
    data = COMMON.decode(line(request=b"-", tail=b"408 -"))
    assert [data[name] for name in ("user", "method", "request", "status", "bytes")] == [None, None, None, 408, None]


@pytest.mark.parametrize(
    ("request_", "parts"),
    [
        (b"GET /a b HTTP/1.1", ("GET", "/a b", "HTTP/1.1")),
        (b"GET /old", ("GET", "/old", None)),
        (b"PRI * HTTP/2.0", ("PRI", "*", "HTTP/2.0")),
        (b"VERSION-CONTROL / HTTP/1.1", ("VERSION-CONTROL", "/", "HTTP/1.1")),
        (rb"GET /\"q\x22\\ HTTP/1.1", ("GET", '/"q"\\', "HTTP/1.1")),
    ],
)
def test_a_request_is_method_path_and_protocol(request_, parts):
    data = COMMON.decode(line(request=request_))
    assert (data["method"], data["path"], data["protocol"]) == parts
    assert "request" not in data


@pytest.mark.parametrize(
    "request_", [rb"\x16\x03\x01\x00\xEE", b"", b"hello", b"get / HTTP/1.1", rb"\x00GET / HTTP/1.1"]
)
def test_a_request_that_is_none_is_kept_whole(request_):
    data = COMMON.decode(line(request=request_, tail=b"400 226"))
    assert (data["request"], data["method"], data["path"], data["protocol"]) == (request_.decode(), None, None, None)


def test_a_user_may_have_spaces_and_brackets():
    assert COMMON.decode(line(user=b"Ann [Ops] Lee"))["user"] == "Ann [Ops] Lee"


@pytest.mark.parametrize(
    ("format", "value", "why"),
    [
        (COMMON, APACHE, 'not a line of the common log format but of the combined one: set format = "combined"'),
        (COMBINED, line(), 'no referer and no agent in the line: set format = "common"'),
        (COMMON, b"hello", "not a line of the common log format: 'hello'"),
        (COMMON, line(time=b"30/Feb/2023:13:55:36 -0700"), "30/Feb/2023:13:55:36 is no time"),
        (COMMON, line(time=b"10/Xyz/2023:13:55:36 -0700"), "10/Xyz/2023:13:55:36 is no time"),
        (COMMON, line(time=b"10/Oct/2023:24:00:00 -0700"), "10/Oct/2023:24:00:00 is no time"),
    ],
)
def test_other_lines_are_refused_with_their_reason(format, value, why):
    with pytest.raises(BadEvent) as caught:
        format.decode(value)
    assert str(caught.value) == why


def test_a_hostile_line_is_refused_at_once():
    with pytest.raises(BadEvent):
        COMBINED.decode(b"h - " + b'a [10/Oct/2023:13:55:36 -0700] "' * 20_000)
