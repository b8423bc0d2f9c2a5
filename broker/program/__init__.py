"""What every program needs besides the wire: settings, start and end, texts, files, waiting."""
