"""Is a row of comma-separated values taken apart as RFC 4180 says, and refused when it is none?"""

import csv
import io

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimass.errors import BadEvent
from aimass.formats.csv import COLUMNS_HEADER, Csv
from aimass.formats.guard import MAX_BYTES


def refused(value, **options):
    with pytest.raises(BadEvent) as caught:
        Csv(**({"columns": ["a", "b"]} | options)).decode(value)
    return str(caught.value)


def test_cells_stay_texts():
    assert Csv(["a", "b"]).decode(b"1, 2.50") == {"a": "1", "b": " 2.50"}


def test_an_empty_cell_is_null_and_a_quoted_empty_one_is_a_text():
    assert Csv(["a", "b", "c"]).decode(b',"",x') == {"a": None, "b": "", "c": "x"}


def test_a_quoted_cell_may_hold_delimiters_line_breaks_and_quotes():
    assert Csv(["a", "b"]).decode(b'"one,\r\ntwo ""2"" \n",3\r\n') == {"a": 'one,\r\ntwo "2" \n', "b": "3"}


def test_a_quote_within_a_plain_cell_is_a_sign_like_others():
    assert Csv(["a", "b"]).decode(b'5" pipe,6"') == {"a": '5" pipe', "b": '6"'}


def test_the_last_cell_may_be_empty_after_a_quoted_one():
    assert Csv(["a", "b"]).decode(b'"x",') == {"a": "x", "b": None}


@pytest.mark.parametrize("delimiter", [";", "\t", "|", "^", "]", "\\"])
def test_another_delimiter_leaves_commas_alone(delimiter):
    value = f'1,2{delimiter}"x{delimiter}y"'.encode()
    assert Csv(["a", "b"], delimiter).decode(value) == {"a": "1,2", "b": f"x{delimiter}y"}


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (b"1", "1 cell in the row, and 2 columns"),
        (b"1,2,3", "3 cells in the row, and 2 columns"),
        (b'"1","2","3"', "3 cells in the row, and 2 columns"),
        (b"1,2\n3,4", "a line break outside of quotes: a record is one row"),
        (b'1,"2"\n3,4', "the quoted cell at character 2 is followed by neither ',' nor the end"),
        (b'"x",2\n3', "a line break outside of quotes: a record is one row"),
        (b'1,"2', "the quote at character 2 does not end"),
        (b'"1" ,2', "the quoted cell at character 0 is followed by neither ',' nor the end"),
        (b"1,\xff", "not UTF-8: byte 2 is 0xff"),
        (b"\n", "an empty value"),
    ],
)
def test_what_is_no_row_is_refused_with_its_reason(value, why):
    assert refused(value) == why


def test_a_value_of_more_than_8_mib_is_refused():
    assert refused(b"," + b"x" * MAX_BYTES) == "8,388,609 bytes, more than 8,388,608"


def test_a_cell_may_be_longer_than_the_128_kib_that_pythons_own_reader_takes():
    assert len(Csv(["a", "b"]).decode(b'"' + b"x" * 200_000 + b'",')["a"]) == 200_000


def test_the_header_of_a_record_names_columns_that_the_source_does_not():
    headers = [("other", b"x"), (COLUMNS_HEADER, b'["x", "y"]')]
    assert Csv().decode(b"1,2", headers) == {"x": "1", "y": "2"}
    assert Csv(["a", "b"]).decode(b"1,2", headers) == {"a": "1", "b": "2"}


def test_each_record_is_read_by_its_own_header():
    one = Csv()
    for i in range(600):
        names = orjson.dumps([f"a{i}", "b"])
        assert one.decode(b"1,2", [(COLUMNS_HEADER, names)]) == {f"a{i}": "1", "b": "2"}


@pytest.mark.parametrize("header", [b"", b"x,y", b"[]", b"{}", b'["x", 1]', b'["x", "x"]', b'["x", ""]', b"\xff"])
def test_a_header_that_names_no_columns_is_refused(header):
    with pytest.raises(BadEvent, match=COLUMNS_HEADER):
        Csv().decode(b"1,2", [(COLUMNS_HEADER, header)])


def test_without_columns_and_header_it_says_what_to_do():
    assert "give `columns` in [[source]]" in refused(b"1,2", columns=())


@pytest.mark.parametrize("delimiter", ["", ",,", '"', "\n", "\r"])
def test_a_delimiter_is_one_character_and_no_quote(delimiter):
    with pytest.raises(ValueError, match="`delimiter` is one character"):
        Csv(["a"], delimiter)


@pytest.mark.parametrize(
    ("columns", "why"), [(["a", "b", "a"], "two columns named 'a'"), (["a", ""], "without a name")]
)
def test_columns_have_names_of_their_own(columns, why):
    with pytest.raises(ValueError, match=why):
        Csv(columns)


TEXTS = st.text(st.characters(codec="utf-8"), max_size=8) | st.sampled_from(['"', ",", '""', ',"', "\n", "\r\n", " "])


@given(st.lists(TEXTS, min_size=1, max_size=5).filter(lambda row: row != [""]), st.sampled_from([",", ";", "\t"]))
def test_what_pythons_own_writer_writes_is_read_again(row, delimiter):
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerow(row)
    assert list(Csv([str(i) for i in range(len(row))], delimiter).decode(out.getvalue().encode()).values()) == row
