"""From a request to a stored run, its summary and its page; the steps of each command.

What comes in is a `Request` (workspace, as-of day, seed, sampler), made at the door; every file of the workspace is read and checked once (`request.py`), and typed
values are passed on. What goes out is a `Run` (`run.py`), stored whole or not at all, which the page, the notebook and every later command read and nothing else.
A number of the page is changed in `summary.py` and the modules beside it, what a command does in the module of its name; how numbers are drawn and weighted is
the business of the rooms below, and `identity.py` sees when they have changed.
"""
