"""Measures; each says what it compared, since numbers of two protocols cannot be held against each other."""
