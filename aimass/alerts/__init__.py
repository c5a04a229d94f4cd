"""Alerts with a life: what becomes of them, what holds them back, and who is told. A fold: no clock, no I/O."""
