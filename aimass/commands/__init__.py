"""What the commands do; `aimass.cli` only reads their arguments."""
