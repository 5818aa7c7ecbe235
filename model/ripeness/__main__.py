"""`ripeness` and `python -m ripeness`."""

from ripeness.cli.app import app


def main() -> None:
    """Run the command line; exits with 0, 1 (refused) or 2 (usage)."""
    app(prog_name="ripeness")


if __name__ == "__main__":
    main()
