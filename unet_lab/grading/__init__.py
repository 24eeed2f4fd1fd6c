"""A class's submissions, checked again: `lab.py grade`."""
