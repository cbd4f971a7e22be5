"""Runs a program in a terminal of its own and answers what it asks.

    terminal.py ANSWERS PROGRAM [ARGUMENT...]

ANSWERS are separated by commas; each is typed after one more prompt, which is a text that ends with "[y/N] ". Prints
what the terminal showed and ends as the program did.
"""

import os
import pty
import select
import sys
import time

PROMPT = b"[y/N] "
DEADLINE_SECONDS = 60


def main():
    answers = [answer for answer in sys.argv[1].split(",") if answer]
    child, terminal = pty.fork()
    if child == 0:
        os.execv(sys.argv[2], sys.argv[2:])
    shown, typed, deadline = b"", 0, time.monotonic() + DEADLINE_SECONDS
    while True:
        if not select.select([terminal], [], [], max(0, deadline - time.monotonic()))[0]:
            os.kill(child, 9)
            sys.exit(f"no end after {DEADLINE_SECONDS} s: {shown.decode(errors='replace')}")
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # The other side is closed.
            break
        if not piece:
            break
        shown += piece
        if typed < len(answers) and shown.count(PROMPT) > typed:
            os.write(terminal, answers[typed].encode() + b"\n")
            typed += 1
    sys.stdout.buffer.write(shown)
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


main()
