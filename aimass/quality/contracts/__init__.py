"""What data is promised to be: contracts, read, imported, compared, suggested."""
