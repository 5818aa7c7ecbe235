"""The command line: `app` says which commands there are, the other modules what each of them prints."""
