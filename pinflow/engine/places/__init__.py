"""What became of creations whose answers were lost: baselines, looks, matching, the gate and the audit of a place."""
