"""How good data is: contracts, checks, panes of statistics, indicators, gates, reviews."""
