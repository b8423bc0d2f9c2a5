"""The wire: what sensor nodes, the broker and the ingestor must agree on, and nothing else."""
