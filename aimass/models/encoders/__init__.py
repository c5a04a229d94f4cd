"""How fields of each kind become numbers. Each class encodes one field and knows what it has to know of its past."""
