"""How much one client of the web page may have: bodies, answers, pages, places."""
