"""Clients that behave on the wire as the existing ones do.

Our own programs, written from the wire contract. What the existing clients do wrong inside of
themselves (caches, swallowed errors) is left out; what a server sees of them is here.
"""
