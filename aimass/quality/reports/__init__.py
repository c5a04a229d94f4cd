"""How good data was over a period: what a report says."""
