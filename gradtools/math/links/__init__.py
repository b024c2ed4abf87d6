"""Links between two spaces of the same samples: fitting, comparing, tuning, measuring what changes in pictures."""
