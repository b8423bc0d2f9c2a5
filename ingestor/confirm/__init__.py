"""Tell sensors which readings they may forget."""
