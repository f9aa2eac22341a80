"""What a sandbox can be told: settings, faults, and the surface that tests use."""
