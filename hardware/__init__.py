"""The lines: the Line port and one driver per vendor."""
