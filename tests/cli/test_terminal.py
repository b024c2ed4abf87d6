"""What commands print on stderr where it is no terminal."""

from gradtools.cli import terminal


def test_a_log_gets_one_line_a_minute():
    lines, clock = [], iter([0, 0, 10, 61, 90, 125])
    minutes = terminal.Minutes(1000, 100, "images", lines.append, lambda: next(clock))
    for count in (50, 205, 100, 220):
        minutes.advance(count)
    assert lines == [
        "355 of 1,000 images, 4.2/s, 3 min left",
        "675 of 1,000 images, 4.6/s, 1 min left",
    ]


def test_a_quick_job_says_nothing(capsys):
    with terminal.Console().progress(10, what="rows") as advance:
        advance(10)
    assert capsys.readouterr().err == ""
