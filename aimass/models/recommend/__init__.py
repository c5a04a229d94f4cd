"""What to recommend: what goes together, what is popular, what was taken; and how good another policy would be."""
