"""The paper's tables: which printed numbers the network gives, and which it cannot."""

from __future__ import annotations

import pytest

from tinysight.costs.paper import NOTES, TITLES, Cell, paper_rows

ROWS = paper_rows()


def test_all_tables_are_there() -> None:
    count = {table: sum(row.table == table for row in ROWS) for table in TITLES}
    assert count == {1: 22, 2: 4, 3: 4, 4: 2, 5: 2, 6: 4, 7: 4}


def test_only_the_two_known_misprints_disagree_and_both_are_explained() -> None:
    wrong = [(row.table, row.name) for row in ROWS if not row.agrees]
    assert wrong == [(1, "3 x 3 x 1024 dw"), (2, "Conv 3x3")]
    assert all(row.note and row.note.startswith("Misprint") for row in ROWS if not row.agrees)
    assert {(row.table, row.name) for row in ROWS if row.note} == set(NOTES)


def test_what_the_misprints_should_have_been() -> None:
    by_name = {(row.table, row.name): row for row in ROWS}
    last_depthwise = by_name[1, "3 x 3 x 1024 dw"].cells[0]
    assert (last_depthwise.printed, last_depthwise.computed) == ("Conv dw / s2", "Conv dw / s1")
    share = by_name[2, "Conv 3x3"].cells[0]
    assert (share.printed, round(share.computed, 2)) == ("1.19", 1.91)
    printed = [float(row.cells[0].printed) for row in ROWS if row.table == 2]
    assert sum(printed) == pytest.approx(99.29)
    assert sum(printed) - 1.19 + 1.91 == pytest.approx(100.01)


def test_shares_of_table_2_add_up() -> None:
    for column in (0, 1):
        assert sum(row.cells[column].computed for row in ROWS if row.table == 2) == pytest.approx(100)


def test_4866_is_without_the_head_and_569_with_it() -> None:
    full, separable = [row for row in ROWS if row.table == 4]
    assert full.cells[1].computed == pytest.approx(4866.269184, abs=1e-9)
    assert separable.cells[1].computed == pytest.approx(568.740352, abs=1e-9)
    assert "without the head" in full.note
    assert (full.stored_params, separable.stored_params) == (29_306_056, 4_253_864)


def test_params_of_the_tables_are_kernels_alone() -> None:
    half = next(row for row in ROWS if row.name == "0.5 MobileNet-224")
    assert half.cells[2].computed == pytest.approx(1.319648, abs=1e-9)  # Table 9 prints 1.32
    assert half.stored_params == 1_342_536


@pytest.mark.parametrize(
    ("printed", "computed", "agrees"),
    [
        ("290", 290.675, True),
        ("291", 290.675, True),
        ("289", 290.675, False),
        ("292", 290.675, False),
        ("4.2", 4.253864, True),
        ("4.3", 4.253864, True),
        ("4.2", 4.31, False),
        ("1.19", 1.9056, False),
        ("0.02", 0.0205, True),
        ("14 x 14", "14 x 14", True),
        ("14 x 14", "7 x 7", False),
        ("70.6", None, True),
    ],
)
def test_when_a_printed_number_agrees(printed, computed, agrees) -> None:
    assert Cell("any", printed, computed).agrees is agrees
