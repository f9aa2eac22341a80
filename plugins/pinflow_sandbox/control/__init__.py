"""Control of a sandbox: settings, faults, and the control surface."""
