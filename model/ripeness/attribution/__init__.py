"""Why a forecast moved, and what would move it."""
