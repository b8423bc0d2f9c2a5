"""What puts load on the broker and takes messages from it."""
