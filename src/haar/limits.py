"""Numbers that are taken from outside: what is more would not end or fit into memory; what is less, do nothing."""

#: What seeds are multiplied with and added to stays below 2^64, which is all that torch takes.
SEED_LIMIT = 2**40
MOST_STEPS, MOST_SAMPLES = 10**9, 10**7
#: Fewer steps than this are no training.
FEWEST_STEPS = 30
