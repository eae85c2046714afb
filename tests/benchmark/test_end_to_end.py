from fakes import Clock

from tinysight.benchmark.end_to_end import run_files


def test_every_file_is_answered_in_every_round(tmp_path):
    asked, clock = [], Clock()

    def answer(path):
        asked.append(path.name)
        clock.now += 0.25
        return None if path.name == "b" else 5

    result = run_files(answer, [tmp_path / "a", tmp_path / "b"], 1, 2, clock)
    assert sorted(asked) == ["a"] * 3 + ["b"] * 3
    assert list(result.answers.values()) == [5, None] and result.per_second == [2, 2]  # of two files one is a picture
