"""A rule that is not in the product, and a build of the ingestor in which the registry lists it."""
