"""Turn payloads into readings; a payload format is one decoder."""
