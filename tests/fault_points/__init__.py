"""Where tests put faults into the product. No other test knows the private names of what is there."""
