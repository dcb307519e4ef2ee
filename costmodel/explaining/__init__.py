"""Why two strategies differ on a machine, and where they would cost the same."""
