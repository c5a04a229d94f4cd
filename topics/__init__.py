"""The topics, one file each, every one holding a constant named ``TOPIC``."""
