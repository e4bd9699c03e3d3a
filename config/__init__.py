"""What an office sets: typed models, the loader that reports every error, and the demo configuration."""
