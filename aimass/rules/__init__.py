"""Rules: conditions, windows and patterns over what is known of events."""
