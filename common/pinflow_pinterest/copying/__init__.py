"""Copies and mirrors of boards: read, compared, made and audited."""
