"""The command line: `app` says which commands there are, the other modules what each of them prints.

What comes in are words and options, of which a `Request` is made; what goes out are tables and JSON on stdout, progress and refusals on stderr, and an exit code.
A command's name, options and help are changed in `app.py` and `options.py`, what it prints in the module that `app.py` names; no number is computed here.
"""
