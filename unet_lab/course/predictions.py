"""What a student predicted before running, and how sure: kept on this machine beside the progress, drawn as a calibration plot.

Whoever is 80 % sure should be right in 80 % of such answers. A page asks with `keep_predictions`; `calibration_plot` draws what
was kept. The file that a student hands in (`lab.py progress --export`) holds it too, and a lecturer puts a class's together.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from filelock import FileLock, Timeout

from unet_lab.course.leniency import plain
from unet_lab.course.prediction_questions import QUESTIONS
from unet_lab.course.progress import FORMAT, PATIENCE, now, progress_file, read, say_once, text
from unet_lab.files import write_whole


def keep_predictions(page: str, guesses: Mapping[str, tuple]) -> None:
    """Keep the first answer to each question of a page, and print what is open. guesses : name to (letter, how sure, 0 to 1).

    A guess of None is open. An answer that was kept stays: it was given before the page was read. Raises ValueError for a name,
    a letter or a certainty that cannot be.
    """
    asked = {name: question for name, question in QUESTIONS.items() if question.page == page}
    strange = [name for name in guesses if name not in asked]
    if strange or not asked:
        raise ValueError(f"{page} has no question {', '.join(strange) or 'to predict'}; it has: {', '.join(asked) or 'none'}.")
    given = {name: understood(name, guess) for name, guess in guesses.items() if not is_open(guess)}
    kept = given | load_predictions()
    if given:
        store(kept)
    for name, question in asked.items():
        choices = "   ".join(f"{letter}: {answer}" for letter, answer in zip(question.letters, question.answers, strict=True))
        entry = kept.get(name)
        mark = f"● {entry['answer']}, {entry['sure']:.0%} sure" if entry else "○ open"
        print(f"{name}: {question.question}\n    {choices}\n    {mark}")


def is_open(guess) -> bool:
    return guess is None or guess is ... or (isinstance(guess, tuple | list) and all(part is None for part in guess))


def understood(name: str, guess) -> dict:
    """An entry of the file; ValueError where the guess is none."""
    question = QUESTIONS[name]
    wanted = f'a pair of a letter and how sure you are, e.g. ("{question.letters[-1]}", 0.8)'
    if not isinstance(guess, tuple | list) or len(guess) != 2:
        raise ValueError(f"{name}: expected {wanted}, got {guess!r}.")
    letter = plain(guess[0]).upper()
    if letter not in list(question.letters):
        raise ValueError(f"{name}: the answers are {', '.join(question.letters)}; got {guess[0]!r}. Write {wanted}.")
    try:
        sure = float(guess[1])
    except (TypeError, ValueError):
        raise ValueError(f"{name}: how sure is a number from 0 to 1; got {guess[1]!r}. Write {wanted}.") from None
    least = 1 / len(question.letters)
    if not least - 0.01 <= sure <= 1:
        raise ValueError(
            f"{name}: {sure:g} sure; with {len(question.letters)} answers it lies between {least:.2f} (a guess) and 1 (certain). "
            "If you are less sure of it than that, choose another answer."
        )
    return {"answer": letter, "sure": sure, "when": now()}


def predictions_file() -> Path | None:
    """Beside the file of progress; None where progress is not kept."""
    path = progress_file()
    return path and path.with_suffix(".predictions.json")


def load_predictions() -> dict[str, dict]:
    """What was kept, by question; empty where nothing was, or where the file is none of ours (which one line then says)."""
    path = predictions_file()
    if path is None or not path.exists():
        return {}
    try:
        return checked(read(path).get("predictions"))
    except (OSError, ValueError) as error:
        say_once(f"Your predictions cannot be read: {error}")
        return {}


def checked(found) -> dict[str, dict]:
    """The entries of known questions; ValueError where they are damaged."""
    if not isinstance(found, dict) or not all(map(is_entry, found.values())):
        raise ValueError("its list of predictions is damaged. Move it away; the next page begins a new one.")
    return {name: entry for name, entry in found.items() if name in QUESTIONS}


def is_entry(entry) -> bool:
    if not isinstance(entry, dict) or not {"answer", "sure"} <= set(entry):
        return False
    sure = entry["sure"]
    return isinstance(entry["answer"], str) and isinstance(sure, int | float) and not isinstance(sure, bool) and 0 <= sure <= 1


def store(kept: dict[str, dict]) -> None:
    """Write them. Where that cannot be, one line says so: no page fails for that."""
    path = predictions_file()
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock", timeout=PATIENCE):
            write_whole(path, text({"format": FORMAT, "predictions": kept | load_predictions()}))
    except (OSError, Timeout, RuntimeError) as error:
        say_once(f"Your predictions are not kept: {error}")
