"""The action ``call``, and the operations that it can call."""
