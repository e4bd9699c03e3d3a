"""What callers and caseworkers hear and press: call machines, prompts and voices."""
