"""Whether anything was lost, added or changed: offsets, counts and checksums, reconciled."""
