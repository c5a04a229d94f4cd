"""Data from outside of Kafka: files, HTTP, databases; with their positions, exactly once."""
