"""What exists in a sandbox, and the rules that it keeps to, one module a subject."""
