"""The largest numbers that are taken from outside: what more than this would never end, or fit into no memory."""

#: What seeds are multiplied with and added to stays below 2^64, which is all that torch takes.
SEED_LIMIT = 2**40
MOST_STEPS, MOST_SAMPLES = 10**9, 10**7
