"""The places of the product at which tests put faults in, by names that stay when the product is rebuilt."""
