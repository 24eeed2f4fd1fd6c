"""What Jupyter lacks for some readers of the course. Imports nothing of the package: it is loaded before a kernel answers.

`page/` is an extension of JupyterLab, put into .venv by lab.py and into the environment by the wheel; `shell_channel` is one of
IPython, loaded by the configuration that lab.py writes.
"""
