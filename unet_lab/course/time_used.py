"""When work has had its time. Apart from `limits`, because the marker's process asks it too, which needs no PyTorch."""


def has_had_its_time(seconds: float, elapsed: float, worked: float) -> bool:
    """Whether work may be stopped: it began `elapsed` seconds ago, and the processor worked for it for `worked` seconds.

    On a busy machine the clock runs on while nothing is computed; what counts is the processor's time. What does not use a tenth
    of the clock's time waits for something (a sleep, a lock), and is stopped by the clock.
    """
    return elapsed >= seconds and (worked >= seconds or worked < elapsed / 10)
