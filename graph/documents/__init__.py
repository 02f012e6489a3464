"""Documents: from text to what was parsed, measured, validated and priced, once."""
