"""The hazard of a round: outside view, inside view, announced meetings, and rounds that may have been missed."""
