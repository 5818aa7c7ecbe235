"""From a request to a stored run and its page."""
