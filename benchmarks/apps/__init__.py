"""The same small job in each system: per-key count and mean in durable state, one JSON record out per event.

Each is started as a process of its own and finds ``IN``, ``OUT``, ``RUN``, ``STATE`` and ``BOOTSTRAP`` in its
environment.
"""
