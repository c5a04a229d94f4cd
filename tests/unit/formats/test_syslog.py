"""Are lines of syslog taken apart, as RFC 5424 and RFC 3164 have them?"""

import pytest

from aimass.errors import BadEvent
from aimass.formats.syslog import Syslog

decode = Syslog().decode


def test_the_example_of_rfc_5424_with_structured_data():
    value = (
        "<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 "
        '[exampleSDID@32473 iut="3" eventSource="Application" eventID="1011"][priority@32473 class="high"] '
        "\ufeffAn application event log entry..."
    )
    assert decode(value.encode()) == {
        "facility": 20,
        "facility_name": "local4",
        "severity": 5,
        "severity_name": "notice",
        "time": "2003-10-11T22:14:15.003Z",
        "host": "mymachine.example.com",
        "app": "evntslog",
        "pid": None,
        "message_id": "ID47",
        "message": "An application event log entry...",
        "data": {
            "exampleSDID@32473": {"iut": "3", "eventSource": "Application", "eventID": "1011"},
            "priority@32473": {"class": "high"},
        },
    }


def test_a_header_of_nothing_but_dashes():
    data = decode(b"<0>1 - - - - - -")
    assert (data["severity_name"], data["facility_name"]) == ("emerg", "kern")
    assert [data[name] for name in ("time", "host", "app", "pid", "message_id", "message", "data")] == [None] * 7


def test_values_of_structured_data_are_unescaped_and_repeated_ones_listed():
    data = decode(rb'<14>1 - h a 7 - [x a="say \"no\" \] \\ \n" ip="1" ip="2" ip="3"][y] m')
    assert data["data"] == {"x": {"a": 'say "no" ] \\ \\n', "ip": ["1", "2", "3"]}, "y": {}}
    assert (data["pid"], data["message"]) == ("7", "m")


def test_the_example_of_rfc_3164_has_no_year_and_gets_none():
    data = decode(b"<34>Oct 11 22:14:15 mymachine su[230]: 'su root' failed on /dev/pts/8\n")
    assert data == {
        "facility": 4,
        "facility_name": "auth",
        "severity": 2,
        "severity_name": "crit",
        "time": "Oct 11 22:14:15",
        "host": "mymachine",
        "app": "su",
        "pid": "230",
        "message_id": None,
        "message": "'su root' failed on /dev/pts/8",
        "data": None,
    }


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "Feb  5 17:32:18 web1 kernel: [ 12.3] up",
            ("Feb  5 17:32:18", "web1", "kernel", None, "[ 12.3] up"),
        ),
        (
            "2024-05-01T12:00:00.123456+02:00 db1 postfix/smtp[99]: 4F: to=<a@b>",
            ("2024-05-01T12:00:00.123456+02:00", "db1", "postfix/smtp", "99", "4F: to=<a@b>"),
        ),
        (
            "Feb  5 17:32:18 web1 last message twice",
            ("Feb  5 17:32:18", "web1", None, None, "last message twice"),
        ),
        ("Feb  5 17:32:18 web1 cron[1]: ", ("Feb  5 17:32:18", "web1", "cron", "1", "")),
    ],
)
def test_lines_of_files_have_no_priority(line, expected):
    data = decode(line.encode())
    assert (data["time"], data["host"], data["app"], data["pid"], data["message"]) == expected
    assert (data["facility"], data["severity"], data["severity_name"]) == (None, None, None)


def test_after_a_priority_anything_is_a_message():
    data = decode(b"<13>disk is full")
    assert (data["facility_name"], data["severity_name"], data["message"], data["time"]) == (
        "user",
        "notice",
        "disk is full",
        None,
    )


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("<192>1 - - - - - -", "the priority <192> is more than 191"),
        ("hello", "not a line of syslog: it begins with neither a priority nor a time: 'hello'"),
        ("<1>1 2003-10-11 h a - - -", "the time '2003-10-11' is none of RFC 5424"),
        ("<1>1 2003-13-11T22:14:15Z h a - - -", "the time '2003-13-11T22:14:15Z' is none of RFC 5424"),
        ("2003-02-30T22:14:15Z h a: m", "the time '2003-02-30T22:14:15Z' is none of RFC 5424"),
        ('<1>1 - h a - - [x a="1] m', "the structured data at character 12 of the header is broken"),
        ('<1>1 - h a - - [x a="1"]m', "no space after the structured data"),
        ('<1>1 - h a - - [x a="1"][x] m', "two structured data elements named 'x'"),
    ],
)
def test_what_is_no_syslog_is_refused_with_its_reason(line, why):
    with pytest.raises(BadEvent) as caught:
        decode(line.encode())
    assert str(caught.value) == why
