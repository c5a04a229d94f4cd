"""Delivery: what the outbox holds, brought to receivers: signed, guarded, retried, and told of."""
