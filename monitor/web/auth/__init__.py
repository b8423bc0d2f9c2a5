"""Sessions and what protects them: log-in, cookies, headers, who may see which page."""
