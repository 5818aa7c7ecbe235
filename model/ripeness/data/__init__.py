"""What was known, and when: contracts of the indicators, their rows, events, and the vintage of a day."""
