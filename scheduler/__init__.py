"""Time and policy: clock, office calendar, deadlines, retry plan and the alarm that wakes sweeps."""
